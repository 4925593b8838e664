//! What works, but not as an operator may think: said in the log at the start, and by `doctor`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use latchkey_service::{Error, Service};

use crate::config::Config;
use crate::http::untrusted_proxy_hint;
use crate::secret_key;

/// All that there is to say.
pub(crate) async fn all(config: &Config, service: &Service) -> Result<Vec<String>, Error> {
    let mut hints = service.health().warnings().await?;
    let trusted = |peer| config.server.trusted_proxies.as_ref().is_some_and(|trusted| trusted.allow(peer));
    if let Some(peer) = service.health().untrusted_proxy().await?.filter(|peer| !trusted(*peer)) {
        hints.push(untrusted_proxy_hint(peer));
    } else if config.server.trusted_proxies.is_none() && config.server.is_https() {
        hints.push(
            "the public URL is https, so a proxy stands in front; name its network in LATCHKEY_TRUSTED_PROXIES, or \
             everybody counts as one address, for allowed networks and guesses at passwords alike"
                .to_owned(),
        );
    }
    let pins: Vec<_> = [config.verification.forward_auth_organizations.as_ref(), config.routes.organizations()]
        .into_iter()
        .flatten()
        .collect();
    if let Some(denial) = service.verification().undecided(&pins).await? {
        hints.push(format!(
            "forward-auth refuses whoever does not ask at /orgs/{{organization}}/forward-auth: {denial}"
        ));
    }
    let database = secret_key::database_file(&config.database.database_url);
    let secret_key_file = config.database.secret_key_file();
    let files = [database.as_deref(), Some(secret_key_file.as_path())];
    let folders: BTreeSet<_> = files.into_iter().flatten().map(secret_key::folder_of).collect();
    let mut places: Vec<(PathBuf, &str)> = folders.into_iter().map(|folder| (folder, "700")).collect();
    if let Some(database) = database {
        // What SQLite puts beside it takes its mode.
        places.push((database, "600"));
    }
    let open =
        places.into_iter().filter(|(place, _)| fs::metadata(place).is_ok_and(|of| secret_key::open_to_others(&of)));
    hints.extend(open.map(|(place, mode)| {
        format!("others can look into {}; make it yours alone with `chmod {mode}`", place.display())
    }));
    Ok(hints)
}
