//! What operators did is written down, and stays.

use store::{Act, StoreError};

use crate::engine::Engine;
use crate::samples::opened;

fn act(engine: &impl Engine, name: &str) -> Act {
    Act {
        at: engine.clock().now(),
        act: name.to_owned(),
        subject: r#"{"authority":"fhi"}"#.to_owned(),
        outcome: r#"{"keys":14}"#.to_owned(),
        reason: "their key was stolen".to_owned(),
        os_user: "somebody".to_owned(),
    }
}

pub(crate) async fn acts_are_listed_in_their_order_and_the_last_ones_only_if_asked(engine: &impl Engine) {
    let store = opened(engine).await;
    assert!(store.acts(10).await.expect("read").is_empty());
    let acts: Vec<Act> = ["first", "second", "third"].map(|name| act(engine, name)).into();
    for act in &acts {
        store.record(act).await.expect("recorded");
    }
    let recorded = store.acts(10).await.expect("read");
    assert_eq!(recorded.iter().map(|one| one.act.clone()).collect::<Vec<_>>(), acts);
    assert_eq!(recorded.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(store.acts(2).await.expect("read"), recorded[1..]);
}

pub(crate) async fn an_act_that_is_no_act_is_refused(engine: &impl Engine) {
    let store = opened(engine).await;
    let good = act(engine, "good");
    for bad in [
        Act { act: String::new(), ..good.clone() },
        Act { act: "x".repeat(65), ..good.clone() },
        Act { subject: "{".to_owned(), ..good.clone() },
        Act { outcome: "none".to_owned(), ..good.clone() },
        Act { reason: "x".repeat(501), ..good.clone() },
    ] {
        let refused = store.record(&bad).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    }
    assert!(store.acts(10).await.expect("read").is_empty());
}
