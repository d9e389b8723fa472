//! What chaff writes.

use store::{CHAFF_BLOCK_ROWS, CHAFF_BLOCKS, CHAFF_ROW, Scratch};

use crate::engine::Engine;

pub(crate) async fn chaff_writes_a_ring_over_and_over_and_nothing_else(engine: &impl Engine) {
    let store = engine.open().await;
    let before = engine.rows().await;
    for (block, rows) in [(0, 28), (CHAFF_BLOCKS, 1_000), (2 * CHAFF_BLOCKS, 2), (CHAFF_BLOCKS - 1, 1), (u32::MAX, 28)]
    {
        let content = u8::try_from(rows % 251).expect("small");
        store.scribble(&Scratch { block, rows: vec![[content; CHAFF_ROW]; rows] }).await.expect("written");
    }
    let mut after = engine.rows().await;
    assert_eq!(after.remove("chaff"), Some(i64::from(CHAFF_BLOCK_ROWS) + 28), "the first block and the last");
    assert_eq!(after, before.into_iter().filter(|(table, _)| table != "chaff").collect(), "nothing else is written");
}

pub(crate) async fn chaff_that_writes_over_one_block_at_once_is_all_written(engine: &impl Engine) {
    let store = engine.open().await;
    let writers = (0..16_u8).map(|writer| {
        let store = store.clone();
        let rows = vec![[writer; CHAFF_ROW]; 112];
        tokio::spawn(async move { store.scribble(&Scratch { block: 7, rows }).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("joined").expect("written");
    }
    assert_eq!(engine.rows().await["chaff"], 112);
}
