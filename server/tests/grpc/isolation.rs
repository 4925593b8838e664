//! Another organization's objects are not there, whatever the credential.

use latchkey_proto::v1::{
    ApiTokenServiceCreateRequest, ApiTokenServiceListRequest, ApiTokenServiceRevokeRequest, MembershipRole,
    OrgInvitationServiceCreateRequest, OrgInvitationServiceListSentRequest, OrgInvitationServiceRevokeRequest,
    OrganizationServiceDeleteMembershipRequest, OrganizationServiceDeleteRequest,
    OrganizationServiceListMembershipsRequest, OrganizationServiceUpdateMembershipRequest,
    OrganizationServiceUpdateRequest, SetCurrentMembershipRequest, UserServiceListMembershipsRequest,
};
use serde_json::json;
use tonic::Code;

use crate::calls::{Calls, by, by_in, code, named, project};
use crate::common::{self, Server, text};
use crate::on_both_engines;

on_both_engines!(another_organization_is_not_there, a_name_or_header_of_another_organization_is_refused);

async fn another_organization_is_not_there(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let foreign = server.foreign_organization().await;
    let (own, _) = calls.create(&user, named("CI")).await.unwrap();
    server.post("/api/projects", &user, json!({ "name": "Website" })).await;
    let (_, repository) = server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    let invited = json!({ "email": "bob@example.com", "role": "viewer" });
    let (_, invitation) = server.post("/api/orgs/default/invitations", &user, invited).await;
    let members = calls.users.list_memberships(by(&user, UserServiceListMembershipsRequest {})).await.unwrap();
    let member = members.into_inner().result[0].id.clone();

    for bearer in [&foreign.user_token, &foreign.secret] {
        let revoke = ApiTokenServiceRevokeRequest { id: own.id.clone() };
        assert_eq!(code(calls.tokens.revoke(by(bearer, revoke)).await), Code::NotFound);
        assert_eq!(calls.rotate(bearer, &own.id, None).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(calls.names(bearer, ApiTokenServiceListRequest::default()).await, ["Globex CI"]);
        // A foreign project is none, and never no project: that would be a token of the whole organization.
        let asked = ApiTokenServiceCreateRequest { project_reference: project("Website"), ..named("x") };
        assert_eq!(code(calls.create(bearer, asked).await), Code::InvalidArgument);
        let asked = ApiTokenServiceCreateRequest { repositories: vec![text(&repository["id"])], ..named("x") };
        assert_eq!(code(calls.create(bearer, asked).await), Code::InvalidArgument);
        let list = OrganizationServiceListMembershipsRequest {
            membership_id: Some(member.clone()),
            ..OrganizationServiceListMembershipsRequest::default()
        };
        let found = calls.organizations.list_memberships(by(bearer, list)).await.unwrap().into_inner();
        assert_eq!((found.result.len(), found.pagination.unwrap().total_count), (0, 0));
    }
    let role = MembershipRole::OrgViewer.into();
    let change = OrganizationServiceUpdateMembershipRequest { membership_id: member.clone(), role };
    let remove = OrganizationServiceDeleteMembershipRequest { membership_id: member.clone() };
    let back = OrgInvitationServiceRevokeRequest { id: text(&invitation["id"]) };
    let choose = SetCurrentMembershipRequest { membership_id: member };
    let bearer = &foreign.user_token;
    assert_eq!(code(calls.organizations.update_membership(by(bearer, change)).await), Code::NotFound);
    assert_eq!(code(calls.organizations.delete_membership(by(bearer, remove)).await), Code::NotFound);
    assert_eq!(code(calls.invitations.revoke(by(bearer, back)).await), Code::NotFound);
    assert_eq!(code(calls.users.set_current_membership(by(bearer, choose)).await), Code::NotFound);
    assert_eq!(calls.names(&user, ApiTokenServiceListRequest::default()).await, ["CI"]);
}

async fn a_name_or_header_of_another_organization_is_refused(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let foreign = server.foreign_organization().await;
    let days = |days: i32| OrganizationServiceUpdateRequest {
        name: "default".to_owned(),
        api_token_max_days_inactive: Some(days),
        unsupported: Vec::new(),
    };
    let delete = OrganizationServiceDeleteRequest { name: "default".to_owned() };
    for bearer in [&foreign.user_token, &foreign.secret] {
        // Not even what is wrong with the number is said about what is not there.
        for number in [1, 1_000] {
            assert_eq!(code(calls.organizations.update(by(bearer, days(number))).await), Code::NotFound);
        }
        assert_eq!(code(calls.organizations.delete(by(bearer, delete.clone())).await), Code::NotFound);
    }
    // For a person the other organization is not there; a token's own is fixed, and a header that says otherwise is
    // refused, not ignored.
    let invite = OrgInvitationServiceCreateRequest {
        receiver_email: "eve@example.com".to_owned(),
        role: MembershipRole::OrgOwner.into(),
        ..OrgInvitationServiceCreateRequest::default()
    };
    let list = ApiTokenServiceListRequest::default();
    for (bearer, expected) in [(&foreign.user_token, Code::NotFound), (&foreign.secret, Code::PermissionDenied)] {
        assert_eq!(code(calls.tokens.list(by_in(bearer, "default", list.clone())).await), expected);
        assert_eq!(code(calls.tokens.create(by_in(bearer, "default", named("x"))).await), expected);
        assert_eq!(code(calls.invitations.create(by_in(bearer, "default", invite.clone())).await), expected);
        let sent = by_in(bearer, "default", OrgInvitationServiceListSentRequest {});
        assert_eq!(code(calls.invitations.list_sent(sent).await), expected);
        let members = by_in(bearer, "default", OrganizationServiceListMembershipsRequest::default());
        assert_eq!(code(calls.organizations.list_memberships(members).await), expected);
    }
    assert_eq!(server.get("/api/orgs/default", &user).await.1["apiTokenMaxDaysInactive"], 0);
    assert_eq!(server.get("/api/orgs/default/invitations", &user).await.1["items"], json!([]));
}
