//! Which changes a replica knows, and whether what it remembers still holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use latchkey_store::changes::{Mark, Since};
use uuid::Uuid;

/// Changed objects to tell apart; beyond it, everything is forgotten.
const CHANGED: usize = 100_000;

/// Which changes are known.
#[derive(Default)]
pub(super) struct Seen {
    /// All up to this one; before the first look, none.
    pub(super) newest: Option<i64>,
    /// Whatever was read before this one is forgotten.
    floor: i64,
    /// The newest change of each object since then.
    changed: HashMap<Uuid, i64>,
    /// The database was quiet since then if this still holds.
    pub(super) mark: Option<Mark>,
}

/// Since when something is remembered. It holds while none of the objects that it was made of has changed.
#[derive(Debug)]
pub(crate) struct Age {
    /// The newest change that was known before it was read.
    read_at: i64,
    /// The newest change that was known when all of its objects were last found unchanged: while no other comes, one
    /// comparison answers for all of them.
    checked_at: AtomicI64,
}

impl Seen {
    /// For what is about to be read: a change after this makes it worthless, whenever it is put in.
    pub(super) fn age(&self) -> Age {
        let read_at = self.newest.unwrap_or_default();
        Age { read_at, checked_at: AtomicI64::new(read_at) }
    }

    /// Whether what was made of `objects` is still so.
    pub(super) fn still_hold(&self, age: &Age, mut objects: impl Iterator<Item = Uuid>) -> bool {
        let Some(newest) = self.newest.filter(|_| age.read_at >= self.floor) else { return false };
        if age.checked_at.load(Ordering::Relaxed) == newest {
            return true;
        }
        let unchanged = objects.all(|object| self.changed.get(&object).is_none_or(|changed| *changed <= age.read_at));
        if unchanged {
            age.checked_at.fetch_max(newest, Ordering::Relaxed);
        }
        unchanged
    }

    pub(super) fn learn(&mut self, since: Since) {
        match since {
            Since::These(newest, objects) => {
                self.newest = Some(newest);
                self.changed.extend(objects.into_iter().map(|object| (object, newest)));
                if self.changed.len() > CHANGED {
                    self.forget_all(newest);
                }
            }
            Since::Anything(newest) => self.forget_all(newest),
        }
    }

    fn forget_all(&mut self, newest: i64) {
        *self = Self { newest: Some(newest), floor: newest, changed: HashMap::new(), mark: self.mark };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Uuid = Uuid::from_u128(1);
    const REPOSITORY: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);

    fn holds(seen: &Seen, age: &Age) -> bool {
        seen.still_hold(age, [TOKEN, REPOSITORY].into_iter())
    }

    #[test]
    fn it_holds_while_nothing_in_it_has_changed() {
        let mut seen = Seen::default();
        let before_the_first_look = seen.age();
        assert!(!holds(&seen, &before_the_first_look), "nothing is known yet");
        seen.learn(Since::Anything(5));
        assert!(!holds(&seen, &before_the_first_look));
        for changed in [TOKEN, REPOSITORY] {
            let age = seen.age();
            assert!(holds(&seen, &age));
            let next = seen.newest.unwrap() + 1;
            seen.learn(Since::These(next, vec![OTHER]));
            assert!(holds(&seen, &age) && holds(&seen, &age), "another object is no part of it");
            // Whoever reads now and puts it in later: it is worth nothing after the next change.
            let late = seen.age();
            seen.learn(Since::These(next + 2, vec![OTHER, changed]));
            assert!(!holds(&seen, &age) && !holds(&seen, &late));
            seen.learn(Since::These(next + 3, vec![OTHER]));
            assert!(!holds(&seen, &age), "what has gone does not come back");
            assert!(holds(&seen, &seen.age()));
        }
    }

    #[test]
    fn when_anything_may_have_changed_nothing_holds() {
        let mut seen = Seen::default();
        seen.learn(Since::Anything(5));
        let age = seen.age();
        seen.learn(Since::Anything(9));
        assert!(!holds(&seen, &age));
        let age = seen.age();
        seen.learn(Since::These(10, (10..10 + CHANGED as u128).map(Uuid::from_u128).collect()));
        assert!(holds(&seen, &age), "as many as can be told apart");
        seen.learn(Since::These(11, vec![OTHER]));
        assert!(!holds(&seen, &age));
    }
}
