//! Client and server together.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken expectation in a helper is a failed test"
)]

mod echo;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use echo::{Echo, options, start, until};
use loqui::{Client, Code, ConnectError, OVERLOADED, Options, PushError, RequestError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn payload(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test]
async fn many_requests_at_a_time_get_their_own_responses() {
    let server = start(Echo::default(), options()).await;
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..500_u32 {
        let client = client.clone();
        asking.spawn(async move {
            let size = if number % 50 == 0 { 200_000 } else { 20 };
            let question = Bytes::from(number.to_be_bytes().repeat(size));
            assert_eq!(client.request(question.clone()).await, Ok(question));
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_slow_request_does_not_hold_up_a_later_one() {
    let server = start(Echo::default(), options()).await;
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.request(payload("wait")).await }
    });
    assert_eq!(client.request(payload("quick")).await, Ok(payload("quick")));
    assert!(!slow.is_finished());
    server.handler.gate.add_permits(1);
    assert_eq!(slow.await.unwrap(), Ok(payload("wait")));
    server.stop().await;
}

#[tokio::test]
async fn errors_and_broken_handlers_are_told() {
    let server = start(Echo::default(), options()).await;
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    let error = client.request(payload("fail")).await.unwrap_err();
    assert_eq!(
        error,
        RequestError::Remote {
            code: 1444,
            message: "errrror!".to_owned()
        }
    );
    let error = client.request(payload("panic")).await.unwrap_err();
    assert!(matches!(error, RequestError::Remote { code: 7, .. }), "{error}");
    assert_eq!(
        client.request(payload("still there")).await,
        Ok(payload("still there"))
    );
    server.stop().await;
}

#[tokio::test]
async fn pushes_arrive_in_order_both_ways() {
    let server = start(Echo::default(), options()).await;
    let (client, mut pushes) = Client::connect(server.address, &options()).await.unwrap();
    client.request(payload("push back")).await.unwrap();
    for number in 0..100_u8 {
        assert_eq!(pushes.recv().await, Some(Bytes::from(vec![number])));
        client.push(Bytes::from(vec![number])).await.unwrap();
    }
    until("all pushes arrive", || {
        server.handler.pushed.lock().unwrap().len() == 100
    })
    .await;
    let pushed = server.handler.pushed.lock().unwrap().clone();
    assert!(
        pushed
            .iter()
            .zip(0..100_u8)
            .all(|(push, number)| push[..] == [number])
    );
    server.stop().await;
    assert_eq!(pushes.recv().await, None);
}

#[tokio::test]
async fn a_client_without_the_token_is_refused() {
    let server = start(Echo::default(), options()).await;
    let with = |name: &str, value: &str| Options {
        headers: vec![(name.to_owned(), value.to_owned())],
        ..options()
    };
    match Client::connect(server.address, &with("X-Token", "wrong")).await {
        Err(ConnectError::Refused { status, reason }) => assert_eq!((status, &*reason), (401, "wrong token")),
        other => panic!("{other:?}"),
    }
    let (client, _pushes) = Client::connect(server.address, &with("x-name", "sessions-0"))
        .await
        .unwrap();
    assert_eq!(client.request(payload("who")).await, Ok(payload("sessions-0")));
    server.stop().await;
}

#[tokio::test]
async fn connecting_to_nobody_and_to_a_mute_say_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let impatient = Options {
        handshake_timeout: Duration::from_millis(50),
        ..options()
    };
    let error = Client::connect(address, &impatient).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(_)), "{error}");
    drop(listener);
    let error = Client::connect(address, &options()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Io(_)), "{error}");
}

#[tokio::test]
async fn an_encoding_that_nobody_shares_is_a_protocol_error() {
    let server = start(Echo::default(), options()).await;
    let other = Options {
        encodings: vec!["erlpack".to_owned()],
        ..options()
    };
    match Client::connect(server.address, &other).await {
        Err(ConnectError::Protocol { code, .. }) => assert_eq!(code, Code::NoCommonEncoding),
        other => panic!("{other:?}"),
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_begins_nothing_new() {
    let server = start(Echo::default(), options()).await;
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    let asked = tokio::spawn({
        let client = client.clone();
        async move { client.request(payload("wait")).await }
    });
    until("the request is begun", || {
        server.handler.begun.load(Ordering::SeqCst) == 1
    })
    .await;
    server.stop.cancel();
    client.closed().await;
    match client.request(payload("late")).await {
        Err(RequestError::Closed { code, .. }) => assert_eq!(code, Code::Normal),
        other => panic!("{other:?}"),
    }
    server.handler.gate.add_permits(1);
    assert_eq!(asked.await.unwrap(), Ok(payload("wait")));
    client.ended().await;
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_nothing_behind() {
    let server = start(Echo::default(), options()).await;
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    for _ in 0..50 {
        let asking = client.request(payload("wait"));
        assert!(
            tokio::time::timeout(Duration::from_millis(1), asking)
                .await
                .is_err()
        );
    }
    server.handler.gate.add_permits(50);
    assert_eq!(client.request(payload("next")).await, Ok(payload("next")));
    client.close(Code::Normal, "done");
    client.ended().await;
    server.stop().await;
}

#[tokio::test]
async fn a_request_too_many_is_refused_at_once() {
    let server = start(
        Echo::default(),
        Options {
            max_in_flight: 2,
            ..options()
        },
    )
    .await;
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let client = client.clone();
        asking.spawn(async move { client.request(payload("wait")).await });
    }
    let refused = asking.join_next().await.unwrap().unwrap();
    assert!(
        matches!(refused, Err(RequestError::Remote { code: OVERLOADED, .. })),
        "{refused:?}"
    );
    server.handler.gate.add_permits(2);
    while let Some(asked) = asking.join_next().await {
        assert_eq!(asked.unwrap(), Ok(payload("wait")));
    }
    server.stop().await;
}

#[tokio::test]
async fn payloads_over_the_limit_are_not_sent() {
    let small = Options {
        max_payload_bytes: 8,
        ..options()
    };
    let server = start(Echo::default(), small.clone()).await;
    let (client, _pushes) = Client::connect(server.address, &small).await.unwrap();
    let error = client.request(payload("nine bytes")).await.unwrap_err();
    assert_eq!(error, RequestError::TooLarge { bytes: 10, limit: 8 });
    assert_eq!(client.request(payload("short")).await, Ok(payload("short")));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_fills_its_queue_and_no_other() {
    let server = start(
        Echo::default(),
        Options {
            queue_frames: 16,
            ..options()
        },
    )
    .await;
    let narrow = Options {
        queue_frames: 1,
        ..options()
    };
    let (stuck, _not_read) = Client::connect(server.address, &narrow).await.unwrap();
    until("it is connected", || {
        server.handler.peers.lock().unwrap().len() == 1
    })
    .await;
    let peer = server.handler.peers.lock().unwrap()[0].clone();
    let big = Bytes::from(vec![0; 1 << 20]);
    let mut result = Ok(());
    for _ in 0..10_000 {
        result = peer.push(big.clone());
        if result.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(result, Err(PushError::Full));
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    assert_eq!(client.request(payload("hello")).await, Ok(payload("hello")));
    peer.close(Code::Other(9001), "too slow");
    assert_eq!(peer.push(payload("late")), Err(PushError::Closed));
    drop(stuck);
    server.stop().await;
}

#[tokio::test]
async fn dropping_the_last_client_ends_the_connection() {
    let server = start(Echo::default(), options()).await;
    let (client, mut pushes) = Client::connect(server.address, &options()).await.unwrap();
    assert_eq!(client.request(payload("hello")).await, Ok(payload("hello")));
    drop(client.clone());
    assert!(!client.is_closed());
    drop(client);
    until("the server sees it", || {
        server.handler.closed.load(Ordering::SeqCst) == 1
    })
    .await;
    assert_eq!(pushes.recv().await, None);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_lost_fails_what_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let _read = socket.read(&mut head).await.unwrap();
        let switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: loqui\r\nConnection: Upgrade\r\n\r\n";
        socket.write_all(switching).await.unwrap();
        let _read = socket.read(&mut head).await.unwrap();
        socket
            .write_all(&hex::decode("020000001388000000086d73677061636b7c").unwrap())
            .await
            .unwrap();
        let _read = socket.read(&mut head).await.unwrap();
        // The request has arrived; now the server dies.
    });
    let (client, _pushes) = Client::connect(address, &options()).await.unwrap();
    let error = client.request(payload("hello")).await.unwrap_err();
    assert!(matches!(error, RequestError::Closed { .. }), "{error}");
    assert!(client.is_closed());
    client.ended().await;
    server.await.unwrap();
}

#[tokio::test]
async fn both_sides_stay_connected_through_pings_alone() {
    let quick = Options {
        ping_interval: Duration::from_millis(250),
        ..options()
    };
    let server = start(Echo::default(), quick).await;
    let (client, _pushes) = Client::connect(server.address, &options()).await.unwrap();
    for _ in 0..2 {
        // Each wait is several intervals long: without answers the connection would end in the first.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(client.request(payload("there?")).await, Ok(payload("there?")));
    }
    server.stop().await;
}
