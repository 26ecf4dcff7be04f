//! Group commit: writes that wait share a transaction, and a refusal concerns one of them.

mod sample;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_data::Writer;
use chat_proto::EventNumber;
use chat_proto::service::Refusal;
use chat_store::{Embedded, Store, Written};
use sample::{append, claim, create};

/// Starts a writer whose largest batch can be asked for.
fn start(store: &Arc<Embedded>) -> (Arc<Writer>, Arc<AtomicUsize>) {
    let largest = Arc::new(AtomicUsize::new(0));
    let seen = largest.clone();
    let observe = move |batch: chat_data::Batch| {
        seen.fetch_max(batch.writes, Ordering::SeqCst);
    };
    let writer = Writer::start(store.clone(), observe).expect("a thread can be started");
    (Arc::new(writer), largest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_are_committed_together_and_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(folder.path()).unwrap());
    let (writer, largest) = start(&store);

    // A large one first: while it is being written, the others gather in the queue.
    let slow = {
        let writer = writer.clone();
        tokio::spawn(async move {
            writer.write(create(1)).await.unwrap();
            writer.write(claim(1, 1)).await.unwrap();
            writer.write(append(1, 1, 1..=2000)).await
        })
    };
    let mut others = tokio::task::JoinSet::new();
    for guild in 100..300 {
        let writer = writer.clone();
        others.spawn(async move {
            writer.write(create(guild)).await.unwrap();
            writer.write(claim(guild, 1)).await.unwrap();
            // Every third one leaves a hole.
            let first = if guild % 3 == 0 { 2 } else { 1 };
            (guild, writer.write(append(guild, 1, first..=first)).await)
        });
    }
    while let Some(joined) = others.join_next().await {
        let (guild, answer) = joined.unwrap();
        if guild % 3 == 0 {
            assert!(matches!(answer, Err(Refusal::Invalid { .. })), "{answer:?}");
        } else {
            let last = EventNumber(1);
            assert_eq!(answer, Ok(Written::Appended { last }));
        }
    }
    let last = EventNumber(2000);
    assert_eq!(slow.await.unwrap(), Ok(Written::Appended { last }));
    assert!(
        largest.load(Ordering::SeqCst) > 1,
        "200 guilds at once share transactions"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finishing_writes_what_is_queued_and_refuses_what_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(folder.path()).unwrap());
    let (writer, _) = start(&store);
    writer.write(create(1)).await.unwrap();
    writer.write(claim(1, 1)).await.unwrap();
    let appending = {
        let writer = writer.clone();
        tokio::spawn(async move { writer.write(append(1, 1, 1..=1000)).await })
    };
    let finishing = writer.clone();
    tokio::task::spawn_blocking(move || finishing.finish())
        .await
        .unwrap()
        .unwrap();
    // Either it was queued before the end and is durable, or it came later and is refused as retryable.
    let kept = match appending.await.unwrap() {
        Ok(Written::Appended { last }) => last,
        Err(refusal) if refusal.retry() => EventNumber(0),
        other => unreachable!("{other:?}"),
    };
    let page = store
        .events(chat_proto::GuildId(1), EventNumber(0), 1, 1)
        .unwrap()
        .unwrap();
    assert_eq!(page.last, kept);
    assert!(writer.write(create(2)).await.unwrap_err().retry());
}
