//! Lists that existing clients want whole: they know no pages, and would take a part for everything.

use latchkey_domain::{
    AllowedNetworks, Description, Level, OrganizationId, RepositoryAccess, ScopeSet, Secret, SecretKind, TokenId,
    TokenName, TokenSettings,
};
use latchkey_proto::v1::ApiTokenServiceListRequest;
use latchkey_service::{Clock, Random, SystemClock, SystemRandom};
use latchkey_store::Store;
use latchkey_store::tokens::{self, Actor, NewToken};
use tonic::Code;

use super::calls::{Calls, by, named, refusal};
use crate::common::Server;

on_both_engines!(a_list_is_whole_or_an_error);

/// Makes so many tokens of the organization, behind the server's back.
async fn fill(server: &Server, organization: &str, from: u32, to: u32, description: &str) {
    let store = Store::connect(&server.database_url).await.unwrap();
    let organization = organization.parse::<OrganizationId>().unwrap();
    let actor = Actor { kind: "system", id: None, name: "system".to_owned() };
    let description = Description::new(description).unwrap();
    let now = SystemClock.now();
    let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    for number in from..to {
        let secret = Secret::generate(SecretKind::ApiToken, |bytes| SystemRandom.fill(bytes));
        let token = NewToken {
            id: TokenId(SystemRandom.id(now)),
            level: Level::Organization(organization),
            settings: &TokenSettings {
                name: TokenName::new(&format!("token {number}")).unwrap(),
                description: description.clone(),
                scopes: ScopeSet::stored("scans:read"),
                repositories: RepositoryAccess::All,
                expires_at: None,
                allowed_networks: AllowedNetworks::default(),
                require_signing: false,
            },
            hash: &secret.hash(),
            prefix: &secret.prefix(),
            created_at: now,
            created_by: &actor,
            creation_key: None,
        };
        tokens::insert(&mut tx, &token).await.unwrap();
    }
    tx.commit().await.unwrap();
    store.close().await;
}

async fn a_list_is_whole_or_an_error(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let (item, _) = calls.create(&user, named("The first")).await.unwrap();
    fill(&server, &item.organization_id, 0, 1_204, "").await;
    let all = calls.tokens.list(by(&user, ApiTokenServiceListRequest::default())).await.unwrap().into_inner();
    assert_eq!((all.result.len(), all.next_page_token.as_str()), (1_205, ""));
    let mut names: Vec<_> = all.result.into_iter().map(|item| item.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 1_205, "each of them once");

    // 2,000 bytes each, of one word: more than clients take in.
    fill(&server, &item.organization_id, 1_204, 3_300, &"𐐨".repeat(500)).await;
    let (code, message) = refusal(calls.tokens.list(by(&user, ApiTokenServiceListRequest::default())).await);
    let expected = "the whole list has more than 4 MiB; ask for pages, with page_size and page_token";
    assert_eq!((code, message.as_str()), (Code::ResourceExhausted, expected));
    let (mut count, mut page_token) = (0, String::new());
    loop {
        let asked = ApiTokenServiceListRequest { page_size: 100, page_token, ..ApiTokenServiceListRequest::default() };
        let page = calls.tokens.list(by(&user, asked)).await.unwrap().into_inner();
        count += page.result.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(count, 3_301);
}
