//! A proxy in front that nobody has told the server of.

use std::net::IpAddr;

use latchkey_store::instance;

use crate::transaction::Purpose;
use crate::{Error, Health};

/// What was seen longer ago may be mended.
const DAYS: i64 = 7;

impl Health<'_> {
    /// Notes that a peer sends `X-Forwarded-For` without being a trusted proxy.
    pub async fn note_untrusted_proxy(self, peer: IpAddr) -> Result<(), Error> {
        let mut tx = self.service.begin_system(Purpose::Bookkeeping).await?;
        instance::set_forwarded_by(&mut tx, peer, self.service.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Who did so last, on any replica, within a week.
    pub async fn untrusted_proxy(self) -> Result<Option<IpAddr>, Error> {
        let since = self.service.now().plus_days(-DAYS);
        let seen = instance::forwarded_by(self.service.store()).await?;
        Ok(seen.filter(|(_, at)| *at >= since).map(|(peer, _)| peer))
    }
}
