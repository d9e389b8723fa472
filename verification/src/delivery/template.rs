//! An authority's text, with gaps for what is different in each message.

use proto::Malformed;
use zeroize::Zeroizing;

use super::alphabet;

/// The most messages that one text may fill, its signature included: each is paid for, and beyond this phones put them together badly.
const MOST_MESSAGES: usize = 4;

/// A text with gaps.
pub(crate) struct Template(Vec<Piece>);

enum Piece {
    Text(String),
    Gap(Gap),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Code,
    LongCode,
    Expires,
    LongExpires,
    Region,
    Link,
}

/// What stands in the gaps of one message.
pub(super) struct Filling<'a> {
    /// `[code]`: the short code.
    pub(super) code: &'a str,
    /// `[longcode]`.
    pub(super) long_code: &'a str,
    /// `[expires]`: for how many minutes the short code is good.
    pub(super) minutes: i64,
    /// `[longexpires]`: for how many hours the long one is.
    pub(super) hours: i64,
    /// `[region]`.
    pub(super) region: &'a str,
    /// `[enslink]`: a link that carries the long code, up to that.
    pub(super) link: &'a str,
}

impl Template {
    /// Reads a text whose gaps are named in brackets.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let refused = |reason| Malformed::new("templates", reason);
        if text.chars().any(|character| character.is_control() && character != '\n') {
            return Err(refused("must hold no control characters but line breaks"));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('[') {
            let named = after.split_once(']').and_then(|(name, after)| Some((Gap::named(name)?, after)));
            let (gap, after) = named.ok_or_else(|| {
                refused("must have nothing in brackets but [code], [longcode], [expires], [longexpires], [region] and [enslink]")
            })?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Gap(gap));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let template = Self(pieces);
        if ![Gap::Code, Gap::LongCode, Gap::Link].into_iter().any(|gap| template.has(gap)) {
            return Err(refused(
                "must hold [code], [longcode] or [enslink]: without a code nobody can do anything with them",
            ));
        }
        Ok(template)
    }

    /// The text of one message.
    pub(super) fn fill(&self, filling: &Filling<'_>) -> Zeroizing<String> {
        // Room for all of it at once, so that no copy of a code is left behind while it grows.
        let mut text = Zeroizing::new(String::with_capacity(self.room(filling)));
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Gap(Gap::Code) => text.push_str(filling.code),
                Piece::Gap(Gap::LongCode) => text.push_str(filling.long_code),
                Piece::Gap(Gap::Expires) => text.push_str(&filling.minutes.to_string()),
                Piece::Gap(Gap::LongExpires) => text.push_str(&filling.hours.to_string()),
                Piece::Gap(Gap::Region) => text.push_str(filling.region),
                Piece::Gap(Gap::Link) => {
                    text.push_str(filling.link);
                    text.push_str(filling.long_code);
                }
            }
        }
        text
    }

    /// Whether the longest message that can come of it fits, with `suffix` behind it.
    pub(super) fn check(&self, longest: &Filling<'_>, suffix: &str) -> Result<(), Malformed> {
        let text = format!("{}{suffix}", self.fill(longest).as_str());
        if alphabet::messages(&text) > MOST_MESSAGES {
            let reason = format!(
                "must fill at most {MOST_MESSAGES} messages: 612 characters, or 268 if one of them is not in the alphabet of GSM, \
                 all gaps filled and a signature of {} characters counted",
                suffix.len()
            );
            return Err(Malformed::new("templates", reason));
        }
        Ok(())
    }

    fn has(&self, wanted: Gap) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Gap(gap) if *gap == wanted))
    }

    fn room(&self, filling: &Filling<'_>) -> usize {
        const NUMBER: usize = 20;
        let gap = filling.code.len() + filling.link.len() + filling.long_code.len() + filling.region.len() + NUMBER;
        self.0.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { gap }).sum()
    }
}

impl Gap {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "code" => Self::Code,
            "longcode" => Self::LongCode,
            "expires" => Self::Expires,
            "longexpires" => Self::LongExpires,
            "region" => Self::Region,
            "enslink" => Self::Link,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILLING: Filling<'_> = Filling {
        code: "12345678",
        long_code: "abcdefgh12345678",
        minutes: 15,
        hours: 24,
        region: "NO",
        link: "ens://v?r=NO&c=",
    };

    fn filled(text: &str) -> String {
        Template::parse(text).expect("a template").fill(&FILLING).to_string()
    }

    #[test]
    fn every_gap_is_filled() {
        assert_eq!(
            filled("[region]: [code] for [expires] min,\n[enslink] or [longcode] for [longexpires] h. [code]"),
            "NO: 12345678 for 15 min,\nens://v?r=NO&c=abcdefgh12345678 or abcdefgh12345678 for 24 h. 12345678"
        );
    }

    #[test]
    fn a_text_without_a_code_or_with_a_gap_that_is_not_known_is_refused() {
        for text in [
            "",
            "hello",
            "[expires]",
            "[Code]",
            "[code] [name]",
            "[code",
            "[[code]]",
            "[]",
            "[code] [",
            "[code]\r\n",
            "[code]\u{0}",
        ] {
            assert_eq!(Template::parse(text).err().expect("refused").field, "templates", "{text}");
        }
        assert_eq!(filled("[code]]"), "12345678]", "a closing bracket closes nothing");
    }

    #[test]
    fn the_longest_message_fits() {
        let fits =
            |text: String, suffix: &str| Template::parse(&text).expect("a template").check(&FILLING, suffix).is_ok();
        let of_length = |letter: &str, length: usize| format!("[code]{}", letter.repeat(length - 8));
        assert!(fits(of_length("a", 612), "") && !fits(of_length("a", 613), ""));
        assert!(fits(of_length("ą", 268), "") && !fits(of_length("ą", 269), ""));
        assert!(fits(of_length("a", 512), &"s".repeat(100)) && !fits(of_length("a", 513), &"s".repeat(100)));
    }
}
