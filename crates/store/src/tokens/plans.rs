//! What SQLite does for the statements of lists, searches and counts: in a large table, each row that is looked up in
//! vain costs more than all else that is done about it.

use latchkey_domain::TokenState;

use super::{Filter, Sort, SortKey, candidates::Conditions, count, statements::statements};
use crate::{Store, search::PICK_IN_PHASE};

/// Parameters that any of the statements has.
const PARAMETERS: usize = 15;

async fn plan(store: &Store, sql: &str) -> Vec<String> {
    let sql = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
    let query = (0..PARAMETERS).fold(store.query(sql), |query, _| query.bind(None::<i64>));
    let steps: Vec<(i64, i64, i64, String)> = query.fetch_all().await.unwrap();
    steps.into_iter().map(|(.., step)| step).collect()
}

/// The steps that read the table or an index of it.
fn reads(plan: &[String], table: &str) -> Vec<String> {
    plan.iter().filter(|step| step.starts_with(&format!("SEARCH {table} USING"))).cloned().collect()
}

fn active() -> Filter {
    Filter {
        organization: None,
        state: Some(TokenState::Active),
        level: None,
        project: None,
        scope: None,
        repository: None,
        creator: None,
        terms: None,
        expires_before: None,
        idle_before: None,
    }
}

#[tokio::test]
async fn what_is_read_is_read_in_an_index_and_in_its_order() {
    let folder = std::env::temp_dir().join(format!("latchkey-plans-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = Store::connect(&format!("sqlite://{}", folder.join("latchkey.db").display())).await.unwrap();
    store.migrate().await.unwrap();

    for (key, walked) in [
        (SortKey::Name, "api_tokens_by_name"),
        (SortKey::Created, "api_tokens_by_id"),
        (SortKey::Expires, "api_tokens_by_expiry"),
        (SortKey::LastUsed, "api_tokens_by_use"),
    ] {
        for descending in [false, true] {
            let statements = statements(&store, Sort { key, descending });
            for (sql, walks, index) in [
                (statements.plain, 1, format!("USING INDEX {walked} (list_id=? AND phase=? AND ")),
                (statements.page.0, 1, format!("USING INDEX {walked} (list_id=? AND phase=? AND ")),
                (statements.page.1, 3, format!("USING INDEX {walked} (list_id=? AND phase=? AND ")),
                (statements.end.0, 1, format!("USING COVERING INDEX {walked} (list_id=? AND phase=? AND ")),
                (statements.end.1, 3, format!("USING COVERING INDEX {walked} (list_id=? AND phase=? AND ")),
            ] {
                let plan = plan(&store, sql).await;
                let reads = reads(&plan, "t");
                assert!(reads.len() == walks && reads.iter().all(|step| step.contains(&index)), "{plan:#?}");
            }
            let plan = plan(&store, statements.chosen).await;
            let reads = reads(&plan, "t");
            assert!(reads.len() == 2 && reads.iter().all(|step| step.ends_with("(id=?)")), "{plan:#?}");
        }
    }

    let filters = [
        (Filter { scope: Some("repos:read".to_owned()), ..active() }, "api_tokens_by_id"),
        (
            Filter { expires_before: Some(latchkey_domain::Timestamp::from_micros(1)), ..active() },
            "api_tokens_by_expiry",
        ),
    ];
    for (filter, index) in filters {
        let plan = plan(&store, count::statement(&store, &Conditions::of(&filter))).await;
        let reads = reads(&plan, "t");
        assert!(reads.len() == 1 && reads[0].contains(&format!("COVERING INDEX {index} ")), "{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
    }

    let plan = plan(&store, PICK_IN_PHASE.0).await;
    assert_eq!(
        [reads(&plan, "s"), reads(&plan, "e")].concat(),
        [
            "SEARCH s USING COVERING INDEX search_words_by_word (list_id=? AND kind=? AND word>? AND word<?)",
            "SEARCH e USING COVERING INDEX api_tokens_ended (id=?) LEFT-JOIN",
        ]
    );
    assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
    store.close().await;
    std::fs::remove_dir_all(folder).unwrap();
}
