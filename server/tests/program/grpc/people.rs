//! Members, invitations, and a person's own memberships.

use latchkey_proto::v1::{
    ContextServiceCurrentRequest, DeleteMembershipRequest, MembershipRole, OffsetPaginationRequest,
    OrgInvitationServiceCreateRequest, OrgInvitationServiceCreateResponse, OrgInvitationServiceListSentRequest,
    OrgInvitationServiceRevokeRequest, OrganizationServiceDeleteMembershipRequest,
    OrganizationServiceListMembershipsRequest, OrganizationServiceUpdateMembershipRequest, SetCurrentMembershipRequest,
    UserServiceListMembershipsRequest,
};
use reqwest::StatusCode;
use serde_json::json;
use tonic::Code;

use super::calls::{Calls, by, code, named, refusal};
use crate::common::{EMAIL, Server};

on_both_engines!(somebody_is_invited_and_joins, members_are_listed_and_changed, everybody_sees_their_own_memberships);

fn invite(email: &str, role: MembershipRole) -> OrgInvitationServiceCreateRequest {
    OrgInvitationServiceCreateRequest {
        receiver_email: email.to_owned(),
        role: role.into(),
        ..OrgInvitationServiceCreateRequest::default()
    }
}

async fn somebody_is_invited_and_joins(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let foreign = server.foreign_organization().await;
    let asked = invite("Owner@Globex.example", MembershipRole::OrgMember);
    let sent = calls.invitations.create(by(&user, asked.clone())).await.unwrap().into_inner().result.unwrap();
    assert_eq!((sent.receiver_email.as_str(), sent.status.as_str()), ("owner@globex.example", "pending"));
    assert_eq!((sent.role(), sent.sender.clone().unwrap().email.as_str()), (MembershipRole::OrgMember, EMAIL));
    let organization = sent.organization.clone().unwrap();
    assert_eq!(organization.name, "default");
    assert_eq!(code(calls.invitations.create(by(&user, asked.clone())).await), Code::AlreadyExists);
    assert_eq!(
        code(calls.invitations.create(by(&user, invite(EMAIL, MembershipRole::OrgMember))).await),
        Code::AlreadyExists
    );
    let (refused, message) =
        refusal(calls.invitations.create(by(&user, invite("b@example.com", MembershipRole::Unspecified))).await);
    assert_eq!((refused, message.as_str()), (Code::InvalidArgument, "role: must be named"));

    // The deprecated field is checked: it must not say one organization while another one is meant.
    #[allow(deprecated, reason = "old clients still send it")]
    for (id, expected) in [(organization.id.clone(), Ok(true)), (foreign.token_id.clone(), Err(Code::InvalidArgument))]
    {
        let asked = OrgInvitationServiceCreateRequest {
            organization_id: id,
            ..invite("c@example.com", MembershipRole::OrgViewer)
        };
        let answer = calls.invitations.create(by(&user, asked)).await;
        let has_link = |made: tonic::Response<OrgInvitationServiceCreateResponse>| made.into_inner().join_url.is_some();
        assert_eq!(
            answer.map(has_link).map_err(|status| status.code()),
            expected,
            "nobody has an account of that email"
        );
    }

    let accept = format!("/api/invitations/{}/accept", sent.id);
    assert_eq!(server.post(&accept, &foreign.user_token, json!({})).await.0, StatusCode::OK);
    let listed = calls.invitations.list_sent(by(&user, OrgInvitationServiceListSentRequest {})).await.unwrap();
    let listed = listed.into_inner().result;
    let shown: Vec<_> = listed.iter().map(|sent| (sent.receiver_email.as_str(), sent.status.as_str())).collect();
    assert_eq!(shown, [("c@example.com", "pending"), ("owner@globex.example", "accepted")]);
    let revoke = |id: &str| OrgInvitationServiceRevokeRequest { id: id.to_owned() };
    calls.invitations.revoke(by(&user, revoke(&listed[0].id))).await.unwrap();
    for id in [listed[0].id.as_str(), &sent.id, "nothing"] {
        assert_eq!(code(calls.invitations.revoke(by(&user, revoke(id))).await), Code::NotFound);
    }
}

async fn members_are_listed_and_changed(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let foreign = server.foreign_organization().await;
    let asked = invite("owner@globex.example", MembershipRole::OrgViewer);
    let sent = calls.invitations.create(by(&user, asked)).await.unwrap().into_inner().result.unwrap();
    server.post(&format!("/api/invitations/{}/accept", sent.id), &foreign.user_token, json!({})).await;

    let list = OrganizationServiceListMembershipsRequest::default();
    let paged = |page: i32, page_size: i32| OrganizationServiceListMembershipsRequest {
        pagination: Some(OffsetPaginationRequest { page, page_size }),
        ..list.clone()
    };
    for (page, email) in [(1, EMAIL), (2, "owner@globex.example")] {
        let answer = calls.organizations.list_memberships(by(&user, paged(page, 1))).await.unwrap().into_inner();
        assert_eq!(answer.result.len(), 1);
        assert_eq!(answer.result[0].user.as_ref().unwrap().email, email);
        assert_eq!(answer.result[0].org.as_ref().unwrap().name, "default");
        let pages = answer.pagination.unwrap();
        assert_eq!((pages.page, pages.page_size, pages.total_count, pages.total_pages), (page, 1, 2, 2));
    }
    for (page, size) in [(0, 10), (-1, 10), (1, 0), (1, 101), (1, -1), (i32::MAX, 100)] {
        let refused = calls.organizations.list_memberships(by(&user, paged(page, size))).await;
        assert_eq!(code(refused), Code::InvalidArgument, "page {page} of {size}");
    }
    let viewers =
        OrganizationServiceListMembershipsRequest { role: Some(MembershipRole::OrgViewer.into()), ..list.clone() };
    let one =
        OrganizationServiceListMembershipsRequest { email: Some("OWNER@globex.example".to_owned()), ..list.clone() };
    let named = OrganizationServiceListMembershipsRequest { name: Some("own".to_owned()), ..list.clone() };
    let mut found = Vec::new();
    for asked in [viewers, one, named] {
        let answer = calls.organizations.list_memberships(by(&user, asked)).await.unwrap().into_inner();
        assert_eq!((answer.result.len(), answer.pagination.unwrap().total_count), (1, 1));
        found.push(answer.result[0].id.clone());
    }
    assert!(found.iter().all(|id| *id == found[0]));
    let by_id = OrganizationServiceListMembershipsRequest { membership_id: Some(found[0].clone()), ..list.clone() };
    let joined = calls.organizations.list_memberships(by(&user, by_id)).await.unwrap().into_inner().result.remove(0);
    assert_eq!(
        (joined.role(), joined.user.unwrap().email.as_str()),
        (MembershipRole::OrgViewer, "owner@globex.example")
    );

    let change = |id: &str, role: MembershipRole| OrganizationServiceUpdateMembershipRequest {
        membership_id: id.to_owned(),
        role: role.into(),
    };
    let changed = calls.organizations.update_membership(by(&user, change(&joined.id, MembershipRole::OrgAdmin))).await;
    assert_eq!(changed.unwrap().into_inner().result.unwrap().role(), MembershipRole::OrgAdmin);
    let own = calls.organizations.list_memberships(by(&user, paged(1, 1))).await.unwrap().into_inner().result.remove(0);
    // The last owner stays one.
    let refused = calls.organizations.update_membership(by(&user, change(&own.id, MembershipRole::OrgAdmin))).await;
    assert_eq!(code(refused), Code::FailedPrecondition);
    let refused =
        calls.organizations.update_membership(by(&user, change(&joined.id, MembershipRole::Unspecified))).await;
    assert_eq!(code(refused), Code::InvalidArgument);
    let remove = |id: &str| OrganizationServiceDeleteMembershipRequest { membership_id: id.to_owned() };
    assert_eq!(code(calls.organizations.delete_membership(by(&user, remove(&own.id))).await), Code::FailedPrecondition);
    calls.organizations.delete_membership(by(&user, remove(&joined.id))).await.unwrap();
    assert_eq!(code(calls.organizations.delete_membership(by(&user, remove(&joined.id))).await), Code::NotFound);
}

async fn everybody_sees_their_own_memberships(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    server.post("/api/orgs", &user, json!({ "name": "initech" })).await;
    let own = calls.users.list_memberships(by(&user, UserServiceListMembershipsRequest {})).await.unwrap();
    let own = own.into_inner().result;
    let names: Vec<_> = own.iter().map(|own| (own.org.as_ref().unwrap().name.as_str(), own.current)).collect();
    assert_eq!(names, [("default", true), ("initech", false)]);
    assert_eq!(own[0].role(), MembershipRole::OrgOwner);

    let set = |id: &str| SetCurrentMembershipRequest { membership_id: id.to_owned() };
    let chosen = calls.users.set_current_membership(by(&user, set(&own[1].id))).await.unwrap().into_inner();
    assert!(chosen.result.unwrap().current);
    let current = calls.context.current(by(&user, ContextServiceCurrentRequest {})).await.unwrap().into_inner();
    let current = current.result.unwrap();
    assert_eq!(current.current_user.unwrap().email, EMAIL);
    let membership = current.current_membership.unwrap();
    assert_eq!((membership.org.unwrap().name.as_str(), membership.current), ("initech", true));
    assert_eq!(current.current_cas_backend, None);

    let leave = |id: &str| DeleteMembershipRequest { membership_id: id.to_owned() };
    assert_eq!(code(calls.users.delete_membership(by(&user, leave(&own[1].id))).await), Code::FailedPrecondition);
    assert_eq!(code(calls.users.set_current_membership(by(&user, set("nothing"))).await), Code::NotFound);
    let (_, secret) = calls.create(&user, named("CI")).await.unwrap();
    let refused = calls.users.list_memberships(by(&secret, UserServiceListMembershipsRequest {})).await;
    assert_eq!(code(refused), Code::PermissionDenied);
}
