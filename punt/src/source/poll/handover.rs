//! The way of events from a polled source into the queue, and of the news that they are durable back.

use std::collections::VecDeque;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::event::{Acknowledge, Batch};
use crate::source::Intake;

/// Hands batches on and knows which places they came from.
pub(in crate::source) struct Handover<P> {
    pub(in crate::source) intake: Intake,
    pub(in crate::source) batch: Batch,
    runtime: Handle,
    /// The number of the batch that is being filled, from 1.
    sequence: u64,
    acknowledge: watch::Sender<u64>,
    durable: watch::Receiver<u64>,
    /// Batch number, place and offset, in order: durable once the batch is.
    on_their_way: VecDeque<(u64, P, u64)>,
}

// === impl Handover ===

impl<P: PartialEq> Handover<P> {
    pub(in crate::source) fn new(intake: Intake, runtime: &Handle) -> Self {
        let (acknowledge, durable) = watch::channel(0);
        Self {
            intake,
            batch: Batch::default(),
            runtime: runtime.clone(),
            sequence: 1,
            acknowledge,
            durable,
            on_their_way: VecDeque::new(),
        }
    }

    /// Says that the batch now holds everything of this place before the offset.
    pub(in crate::source) fn reached(&mut self, place: P, offset: u64) {
        match self.on_their_way.back_mut() {
            Some((number, last, end)) if *number == self.sequence && *last == place => *end = offset,
            _ => self.on_their_way.push_back((self.sequence, place, offset)),
        }
    }

    /// Hands the batch on if it is full. False: punt is at its end.
    pub(in crate::source) fn hand_on_if_full(&mut self) -> bool {
        !self.batch.is_full() || self.hand_on()
    }

    /// Hands on what there is. Waits while the queue is full. False: punt is at its end.
    pub(in crate::source) fn hand_on(&mut self) -> bool {
        if self.batch.is_empty() {
            return true;
        }
        let mut batch = self.batch.take();
        batch.acknowledge = Some(Acknowledge::new(self.sequence, self.acknowledge.clone()));
        self.sequence += 1;
        self.intake.send_blocking(batch, &self.runtime)
    }

    /// The places and offsets that have become durable since.
    pub(in crate::source) fn settled(&mut self) -> Vec<(P, u64)> {
        let durable = *self.durable.borrow_and_update();
        let mut settled = Vec::new();
        while let Some((_, place, offset)) = self
            .on_their_way
            .pop_front_if(|(number, _, _)| *number <= durable)
        {
            settled.push((place, offset));
        }
        settled
    }

    /// Lets go of the queue and waits until what was handed on is durable, or given up.
    pub(in crate::source) fn close(&mut self) {
        let (nobody, _) = watch::channel(0);
        drop(std::mem::replace(&mut self.acknowledge, nobody));
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.intake.queue, closed));
        let durable = &mut self.durable;
        self.runtime
            .block_on(async { while durable.changed().await.is_ok() {} });
    }
}
