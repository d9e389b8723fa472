//! Where a request came from, by what proxies say of it.

use service::forwarded_for;

/// The lines of `X-Forwarded-For`, behind a byte that says how many proxies are believed.
pub fn forwarded(data: &[u8]) {
    let Some((&hops, list)) = data.split_first() else { return };
    let hops = usize::from(hops % 8);
    let seen = forwarded_for(list.split(|&byte| byte == b'\n'), hops);
    // Where a list is cut into lines tells nothing.
    let joined: Vec<u8> = list.iter().map(|&byte| if byte == b'\n' { b',' } else { byte }).collect();
    assert_eq!(forwarded_for([joined.as_slice()].into_iter(), hops), seen);
    // Nor does what anybody wrote to the left of what our own proxies wrote.
    let forged = [b"203.0.113.66, ::1,".as_slice(), &joined].concat();
    if joined.split(|&byte| byte == b',').count() >= hops {
        assert_eq!(forwarded_for([forged.as_slice()].into_iter(), hops), seen);
    }
    assert!(hops > 0 || seen.is_none(), "without a proxy nothing is believed");
    assert!(seen.is_none_or(|address| address == address.to_canonical()), "one address, one spelling");
}
