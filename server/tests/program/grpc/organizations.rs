//! `OrganizationService`: organizations themselves.

use latchkey_proto::v1::{
    ApiTokenServiceListRequest, ContextServiceCurrentRequest, OrgItem, OrganizationServiceCreateRequest,
    OrganizationServiceDeleteRequest, OrganizationServiceUpdateRequest,
};
use tonic::{Code, Status};

use super::calls::{Calls, by, by_in, code, named, refusal};
use crate::common::Server;

on_both_engines!(
    an_organization_from_its_first_call_to_its_last,
    the_threshold_is_set,
    a_wrong_threshold_of_another_organization_is_not_found,
);

fn create(name: &str) -> OrganizationServiceCreateRequest {
    OrganizationServiceCreateRequest { name: name.to_owned() }
}

fn delete(name: &str) -> OrganizationServiceDeleteRequest {
    OrganizationServiceDeleteRequest { name: name.to_owned() }
}

async fn an_organization_from_its_first_call_to_its_last(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let made = calls.organizations.create(by(&user, create("initech"))).await.unwrap().into_inner().result.unwrap();
    assert_eq!((made.name.as_str(), made.api_token_max_days_inactive), ("initech", None));
    assert!(!made.id.is_empty() && made.created_at.is_some() && made.updated_at == made.created_at);
    assert_eq!(code(calls.organizations.create(by(&user, create("initech"))).await), Code::AlreadyExists);
    let (refused, message) = refusal(calls.organizations.create(by(&user, create("Initech"))).await);
    assert_eq!(refused, Code::InvalidArgument);
    assert!(message.starts_with("name: must be lower-case letters"), "{message}");

    // The header picks it.
    let created = calls.tokens.create(by_in(&user, "initech", named("CI"))).await.unwrap().into_inner().result.unwrap();
    assert_eq!(created.item.unwrap().organization_name, "initech");
    let secret = created.jwt;
    assert_eq!(calls.names(&user, ApiTokenServiceListRequest::default()).await, Vec::<String>::new());
    let current = calls.context.current(by(&secret, ContextServiceCurrentRequest {})).await.unwrap().into_inner();
    assert_eq!(current.result.unwrap().current_membership.unwrap().org.unwrap().id, made.id);

    // A token ends no organization, not even its own.
    assert_eq!(code(calls.organizations.delete(by(&secret, delete("initech"))).await), Code::PermissionDenied);
    calls.organizations.delete(by(&user, delete("initech"))).await.unwrap();
    let refused = refusal(calls.tokens.list(by(&secret, ApiTokenServiceListRequest::default())).await);
    assert_eq!(refused, (Code::Unauthenticated, "API token revoked".to_owned()));
    assert_eq!(code(calls.organizations.delete(by(&user, delete("initech"))).await), Code::NotFound);
}

async fn the_threshold_is_set(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let (_, secret) = calls.create(&user, named("CI")).await.unwrap();
    let asked = |days: Option<i32>, unsupported: &[u32]| OrganizationServiceUpdateRequest {
        name: "default".to_owned(),
        api_token_max_days_inactive: days,
        unsupported: unsupported.to_vec(),
    };
    let mut update = async |bearer: &str, asked: OrganizationServiceUpdateRequest| -> Result<OrgItem, Status> {
        Ok(calls.organizations.update(by(bearer, asked)).await?.into_inner().result.unwrap())
    };
    assert_eq!(update(&user, asked(Some(90), &[])).await.unwrap().api_token_max_days_inactive, Some(90));
    assert_eq!(update(&user, asked(None, &[])).await.unwrap().api_token_max_days_inactive, Some(90));
    for days in [-1, 366, i32::MAX] {
        let refused = refusal(update(&user, asked(Some(days), &[])).await);
        let message = "api_token_max_days_inactive must be between 0 and 365".to_owned();
        assert_eq!(refused, (Code::InvalidArgument, message), "{days}");
    }
    // A setting that we don't have is refused, and nothing beside it is done.
    for number in [2, 3, 4, 5, 6, 8, 9, 10] {
        let refused = refusal(update(&user, asked(Some(1), &[number])).await);
        assert_eq!(refused.0, Code::InvalidArgument, "{number}");
        assert!(refused.1.contains(&format!("field {number} ")), "{}", refused.1);
    }
    // People only; and who may not is told so before what is wrong.
    for days in [1, 1_000] {
        assert_eq!(code(update(&secret, asked(Some(days), &[])).await), Code::PermissionDenied);
    }
    assert_eq!(update(&user, asked(None, &[])).await.unwrap().api_token_max_days_inactive, Some(90));
    assert_eq!(update(&user, asked(Some(0), &[])).await.unwrap().api_token_max_days_inactive, None);
}

/// Not even what is wrong with the number is said about what is not there.
async fn a_wrong_threshold_of_another_organization_is_not_found(server: Server) {
    let mut calls = Calls::to(&server).await;
    let foreign = server.foreign_organization().await;
    for bearer in [&foreign.user_token, &foreign.secret] {
        for days in [1, 1_000] {
            let change = OrganizationServiceUpdateRequest {
                name: "default".to_owned(),
                api_token_max_days_inactive: Some(days),
                unsupported: Vec::new(),
            };
            assert_eq!(code(calls.organizations.update(by(bearer, change)).await), Code::NotFound);
        }
    }
}
