//! `StatusService`: public information about the instance.

use latchkey_proto::v1::status_service_server::StatusService;
use latchkey_proto::v1::{InfozRequest, InfozResponse, StatuszRequest, StatuszResponse};
use tonic::{Request, Response, Status, async_trait};

use super::status::unready;
use crate::state::ServerState;

pub(super) struct Instance(pub(super) ServerState);

#[async_trait]
impl StatusService for Instance {
    async fn infoz(&self, _: Request<InfozRequest>) -> Result<Response<InfozResponse>, Status> {
        let site = &self.0.site;
        Ok(Response::new(InfozResponse {
            login_url: format!("{}/login", site.public_url),
            version: site.version.to_owned(),
            chart_version: String::new(),
            restricted_org_creation: self.0.service.settings().restricted_organization_creation,
            ui_dashboard_url: site.public_url.clone(),
        }))
    }

    async fn statusz(&self, request: Request<StatuszRequest>) -> Result<Response<StatuszResponse>, Status> {
        if request.get_ref().readiness {
            self.0.service.health().ready().await.map_err(unready)?;
        }
        Ok(Response::new(StatuszResponse {}))
    }
}
