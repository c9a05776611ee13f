//! Which parts of something long are there: pieces of time in order, none of which touch. Pure.

/// A piece of a recording, in ms from its beginning: from the first on, up to before the second.
pub type Span = (u64, u64);

/// Pieces at most. A meeting with an outage each minute for an hour has 60; beyond that the shortest is forgotten, so
/// that never more is said to be there than is.
const MOST: usize = 128;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// Adds a piece.
    pub fn add(&mut self, (mut from, mut until): Span) {
        if from >= until {
            return;
        }
        let first = self.0.partition_point(|span| span.1 < from);
        let after = self.0.partition_point(|span| span.0 <= until);
        if let Some(touched) = self.0.get(first..after).filter(|touched| !touched.is_empty()) {
            from = from.min(touched[0].0);
            until = until.max(touched[touched.len() - 1].1);
        }
        self.0.splice(first..after.max(first), [(from, until)]);
        if self.0.len() > MOST
            && let Some(shortest) = (0..self.0.len()).min_by_key(|&n| self.0[n].1 - self.0[n].0)
        {
            self.0.remove(shortest);
        }
    }

    /// The pieces, in order.
    pub fn iter(&self) -> impl Iterator<Item = Span> {
        self.0.iter().copied()
    }

    /// How much it is in all, in ms.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.iter().map(|(from, until)| until - from).sum()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What of this is not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for (mut from, until) in self.iter() {
            for (begins, ends) in
                other.iter().filter(|span| span.1 > from && span.0 < until).collect::<Vec<_>>()
            {
                if begins > from {
                    left.push((from, begins));
                }
                from = ends;
            }
            if from < until {
                left.push((from, until));
            }
        }
        Self(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_there_is_what_was_added(
            added in proptest::collection::vec((0u64..60, 0u64..60), 0..12),
            taken in proptest::collection::vec((0u64..60, 0u64..60), 0..12),
        ) {
            let (mut spans, mut other) = (Spans::default(), Spans::default());
            added.iter().for_each(|&span| spans.add(span));
            taken.iter().for_each(|&span| other.add(span));
            let in_any = |spans: &[Span], n: u64| spans.iter().any(|span| (span.0..span.1).contains(&n));
            let there = |spans: &Spans, n| spans.iter().any(|span| (span.0..span.1).contains(&n));
            let left = spans.without(&other);
            for n in 0..60 {
                prop_assert_eq!(there(&spans, n), in_any(&added, n));
                prop_assert_eq!(there(&left, n), in_any(&added, n) && !in_any(&taken, n));
            }
            prop_assert!(spans.0.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", spans);
            prop_assert_eq!(spans.total(), (0..60).filter(|&n| in_any(&added, n)).count() as u64);
        }
    }

    #[test]
    fn there_is_an_end_to_pieces_and_the_shortest_goes_first() {
        let mut spans = Spans::default();
        for n in 0..300 {
            spans.add((n * 100, n * 100 + 1 + n % 50));
        }
        assert_eq!(spans.0.len(), MOST);
        assert!(
            spans.iter().any(|span| span.1 - span.0 == 50) && spans.iter().all(|span| span.1 - span.0 > 10)
        );
    }
}
