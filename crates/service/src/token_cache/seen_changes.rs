//! Which changes a replica knows, and whether what it remembers still holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use latchkey_domain::Timestamp;
use latchkey_store::changes::{ChangePosition, ChangesSince, ResetReason, ServerEpoch, WalHeader};
use uuid::Uuid;

/// Changed objects to tell apart; beyond it, everything is forgotten.
const CHANGED: usize = 100_000;
/// A header is not believed for longer, in microseconds: then the database itself is polled.
const HEADER_VALID_MICROS: i64 = 1_000_000;

/// Which changes are known.
#[derive(Default)]
pub(super) struct SeenChanges {
    /// All up to this one; before the first poll, none.
    pub(super) newest: Option<ChangePosition>,
    /// Counts how often everything was forgotten: what was read in another generation never holds. The numbers of
    /// changes can't tell: after a failover or a restore they are given again.
    generation: u64,
    /// Which server the last poll was at.
    pub(super) server: ServerEpoch,
    /// The newest change of each object since then.
    changed: HashMap<Uuid, i64>,
    /// The WAL header before the last poll, and when it was read.
    header: Option<(WalHeader, Timestamp)>,
    /// When a history was last found to be broken: what was committed before may be lost.
    pub(super) broke_at: Option<Timestamp>,
}

/// Since when something is remembered. It holds while none of the objects that it was made of has changed.
#[derive(Debug)]
pub(crate) struct Age {
    generation: u64,
    /// The server that it has to be read from.
    pub(super) server: ServerEpoch,
    /// The newest change that was known before it was read.
    read_at: i64,
    /// The newest change that was known when all of its objects were last found unchanged: while no other comes, one
    /// comparison answers for all of them.
    checked_at: AtomicI64,
}

impl Age {
    /// The same for what was read again, and is not put into the memory.
    pub(super) fn again(&self) -> Self {
        Self { checked_at: AtomicI64::new(self.read_at), ..*self }
    }
}

impl SeenChanges {
    /// For what is about to be read: a change after this makes it worthless, whenever it is put in.
    pub(super) fn age(&self) -> Age {
        let read_at = self.newest.map_or(0, |newest| newest.number);
        Age { generation: self.generation, server: self.server, read_at, checked_at: AtomicI64::new(read_at) }
    }

    /// Whether what was made of `objects` is still so.
    pub(super) fn still_hold(&self, age: &Age, mut objects: impl Iterator<Item = Uuid>) -> bool {
        let Some(newest) = self.newest.filter(|_| age.generation == self.generation) else { return false };
        if age.checked_at.load(Ordering::Relaxed) == newest.number {
            return true;
        }
        let unchanged = objects.all(|object| self.changed.get(&object).is_none_or(|changed| *changed <= age.read_at));
        if unchanged {
            age.checked_at.fetch_max(newest.number, Ordering::Relaxed);
        }
        unchanged
    }

    /// Whether nothing was committed since the last poll, by a header that was read after the call.
    pub(super) fn is_unchanged(&self, header: Option<WalHeader>, now: Timestamp) -> bool {
        let since_poll = |at: Timestamp| now.micros().saturating_sub(at.micros());
        header
            .zip(self.header)
            .is_some_and(|(header, (seen, at))| header == seen && (0..HEADER_VALID_MICROS).contains(&since_poll(at)))
    }

    /// What a poll has found that began at `now`, after the header was read.
    pub(super) fn apply(&mut self, since: ChangesSince, header: Option<WalHeader>, now: Timestamp) {
        self.header = header.map(|header| (header, now));
        match since {
            ChangesSince::Objects(newest, objects) => {
                self.newest = Some(newest);
                self.changed.extend(objects.into_iter().map(|object| (object, newest.number)));
                if self.changed.len() > CHANGED {
                    self.forget_all();
                }
            }
            ChangesSince::Reset(newest, why) => {
                self.newest = Some(newest);
                self.forget_all();
                if why == ResetReason::HistoryChanged {
                    self.broke_at = Some(now);
                }
            }
        }
    }

    fn forget_all(&mut self) {
        self.generation += 1;
        self.changed.clear();
    }
}

#[cfg(test)]
mod tests {
    use latchkey_store::changes::ChangeSource;

    use super::*;

    const TOKEN: Uuid = Uuid::from_u128(1);
    const REPOSITORY: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);
    const NOW: Timestamp = Timestamp::from_micros(1_795_350_896_000_000);

    fn holds(seen: &SeenChanges, age: &Age) -> bool {
        seen.still_hold(age, [TOKEN, REPOSITORY].into_iter())
    }

    fn position(number: i64) -> ChangePosition {
        ChangePosition { number, identity: Uuid::from_u128(7), source: ChangeSource::default() }
    }

    fn apply(seen: &mut SeenChanges, since: ChangesSince) {
        seen.apply(since, None, NOW);
    }

    #[test]
    fn it_holds_while_nothing_in_it_has_changed() {
        let mut seen = SeenChanges::default();
        let before_the_first_poll = seen.age();
        assert!(!holds(&seen, &before_the_first_poll), "nothing is known yet");
        apply(&mut seen, ChangesSince::Reset(position(5), ResetReason::Behind));
        assert!(!holds(&seen, &before_the_first_poll));
        for changed in [TOKEN, REPOSITORY] {
            let age = seen.age();
            assert!(holds(&seen, &age));
            let next = seen.newest.unwrap().number + 1;
            apply(&mut seen, ChangesSince::Objects(position(next), vec![OTHER]));
            assert!(holds(&seen, &age) && holds(&seen, &age), "another object is no part of it");
            // Whoever reads now and puts it in later: it is worth nothing after the next change.
            let late = seen.age();
            apply(&mut seen, ChangesSince::Objects(position(next + 2), vec![OTHER, changed]));
            assert!(!holds(&seen, &age) && !holds(&seen, &late));
            apply(&mut seen, ChangesSince::Objects(position(next + 3), vec![OTHER]));
            assert!(!holds(&seen, &age), "what has gone does not come back");
            assert!(holds(&seen, &seen.age()));
        }
        assert_eq!(seen.broke_at, None);
    }

    #[test]
    fn when_anything_may_have_changed_nothing_holds_whatever_the_numbers_are() {
        for why in [ResetReason::Behind, ResetReason::Reconnected, ResetReason::HistoryChanged] {
            for number in [0, 4, 5, 6, 90] {
                let mut seen = SeenChanges::default();
                apply(&mut seen, ChangesSince::Reset(position(5), ResetReason::Behind));
                let age = seen.age();
                apply(&mut seen, ChangesSince::Reset(position(number), why));
                assert!(!holds(&seen, &age), "{why:?} {number}");
                assert!(holds(&seen, &seen.age()));
                for next in number..20 {
                    apply(&mut seen, ChangesSince::Objects(position(next), Vec::new()));
                    assert!(!holds(&seen, &age), "{why:?} {number}: not when the numbers meet again");
                }
                assert_eq!(seen.broke_at, (why == ResetReason::HistoryChanged).then_some(NOW));
            }
        }
        let mut seen = SeenChanges::default();
        apply(&mut seen, ChangesSince::Reset(position(9), ResetReason::Behind));
        let age = seen.age();
        apply(
            &mut seen,
            ChangesSince::Objects(position(10), (10..10 + CHANGED as u128).map(Uuid::from_u128).collect()),
        );
        assert!(holds(&seen, &age), "as many as can be told apart");
        apply(&mut seen, ChangesSince::Objects(position(11), vec![OTHER]));
        assert!(!holds(&seen, &age));
    }

    /// A database: its changes, and which tokens are revoked. A copy of it is a fork of its history.
    #[derive(Clone)]
    struct Database {
        source: ChangeSource,
        changes: Vec<(Uuid, Uuid)>,
        revoked: Vec<bool>,
    }

    /// Numbers that look random, the same in each run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % bound
        }
    }

    const TOKENS: usize = 3;

    impl Database {
        fn position(&self) -> ChangePosition {
            let (identity, _) = *self.changes.last().unwrap();
            ChangePosition { number: i64::try_from(self.changes.len()).unwrap(), identity, source: self.source }
        }

        fn change(&mut self, token: usize, revoked: bool, identity: u128) {
            self.revoked[token] = revoked;
            self.changes.push((Uuid::from_u128(identity), Uuid::from_u128(token as u128)));
        }

        /// As the store polls, at most `max` changes at once.
        fn poll(&self, known: Option<ChangePosition>, max: usize, fresh: bool) -> ChangesSince {
            let Some(known) = known else { return ChangesSince::Reset(self.position(), ResetReason::Behind) };
            let at = usize::try_from(known.number).unwrap();
            let there = self.changes.get(at - 1).is_some_and(|(identity, _)| *identity == known.identity);
            match () {
                () if !there || self.source != known.source => {
                    ChangesSince::Reset(self.position(), ResetReason::HistoryChanged)
                }
                () if fresh => ChangesSince::Reset(self.position(), ResetReason::Reconnected),
                () if self.changes.len() - at > max => ChangesSince::Reset(self.position(), ResetReason::Behind),
                () => {
                    ChangesSince::Objects(self.position(), self.changes[at..].iter().map(|(_, token)| *token).collect())
                }
            }
        }
    }

    /// Random histories with forks: revocations, edits, backups, failovers to servers that are behind, and readings that
    /// are put in late. Whatever happened, the memory says of no token what the database does not say.
    #[test]
    fn through_broken_histories_the_memory_says_what_the_database_says() {
        let (mut hits, mut broken) = (0, 0);
        for seed in 0..4_000 {
            let mut dice = Dice(seed);
            let mut identity = 1_000;
            let mut database = Database {
                source: ChangeSource::default(),
                changes: vec![(Uuid::nil(), OTHER)],
                revoked: vec![false; TOKENS],
            };
            let mut copies = vec![database.clone()];
            let (mut seen, mut fresh) = (SeenChanges::default(), true);
            let mut entries: Vec<(usize, bool, Age)> = Vec::new();
            for _ in 0..60 {
                match dice.below(10) {
                    0 => copies.push(database.clone()),
                    1 => {
                        // A standby is promoted, or a backup restored under the same server, which a replica may or may
                        // not notice by its connection.
                        let source = match dice.below(2) {
                            0 => database.source,
                            _ => ChangeSource { database: database.source.database + 1, ..database.source },
                        };
                        fresh = source != database.source || dice.below(2) == 0;
                        database = Database { source, ..copies[dice.below(copies.len())].clone() };
                    }
                    2..=4 => {
                        identity += 1;
                        // Once revoked, always revoked, as far as this history goes.
                        let token = dice.below(TOKENS);
                        database.change(token, true, identity);
                    }
                    _ => {
                        let token = dice.below(TOKENS);
                        seen.apply(database.poll(seen.newest, 2, fresh), None, NOW);
                        fresh = false;
                        let object = Uuid::from_u128(token as u128);
                        for (_, says, _) in entries
                            .iter()
                            .filter(|(of, _, age)| *of == token && seen.still_hold(age, [object].into_iter()))
                        {
                            hits += 1;
                            assert_eq!(*says, database.revoked[token], "seed {seed}");
                        }
                        // What was read is put in at once, or after others have changed something.
                        let entry = (token, database.revoked[token], seen.age());
                        let late = dice.below(entries.len() + 1);
                        entries.insert(late, entry);
                    }
                }
            }
            broken += u32::from(seen.broke_at.is_some());
        }
        assert!(hits > 10_000 && broken > 1_000, "{hits} hits, {broken} broken histories");
    }
}
