use reqwest::Method;

/// An operation of the REST API, as the OpenAPI document has it.
#[derive(Debug)]
pub struct Operation {
    /// The `operationId`.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// Whether it takes no credential.
    pub public: bool,
}

/// Declares the operations, and the list of all.
macro_rules! operations {
    ($($name:ident = $id:literal $method:ident $path:literal $(, $public:ident)?;)+) => {
        $(pub(crate) static $name: Operation = Operation {
            id: $id,
            method: Method::$method,
            path: $path,
            public: operations!(@public $($public)?),
        };)+

        /// Every operation that this client has; a test compares them with the server's OpenAPI document.
        pub static OPERATIONS: &[&Operation] = &[$(&$name),+];
    };
    (@public public) => { true };
    (@public) => { false };
}

operations! {
    LOG_IN = "logIn" POST "/api/auth/login", public;
    WHO_AM_I = "whoAmI" GET "/api/auth/whoami";
    LIST_TOKENS = "listTokens" GET "/api/auth/cli-tokens";
    CREATE_TOKEN = "createToken" POST "/api/auth/cli-tokens";
    REVOKE_TOKENS = "revokeTokens" POST "/api/auth/cli-tokens/revoke";
    GET_TOKEN = "getToken" GET "/api/auth/cli-tokens/{id}";
    CHANGE_TOKEN = "changeToken" PATCH "/api/auth/cli-tokens/{id}";
    REVOKE_TOKEN = "revokeToken" DELETE "/api/auth/cli-tokens/{id}";
    ROTATE_TOKEN = "rotateToken" POST "/api/auth/cli-tokens/{id}/rotate";
    LIST_REPOSITORIES = "listRepositories" GET "/api/repos";
    CREATE_REPOSITORY = "createRepository" POST "/api/repos";
    GET_REPOSITORY = "getRepository" GET "/api/repos/{id}";
    DELETE_REPOSITORY = "deleteRepository" DELETE "/api/repos/{id}";
    LIST_ORGANIZATIONS = "listOrganizations" GET "/api/orgs";
    CREATE_ORGANIZATION = "createOrganization" POST "/api/orgs";
    GET_ORGANIZATION = "getOrganization" GET "/api/orgs/{name}";
    DELETE_ORGANIZATION = "deleteOrganization" DELETE "/api/orgs/{name}";
    SET_CURRENT_ORGANIZATION = "setCurrentOrganization" PUT "/api/orgs/{name}/current";
    LIST_DELETED_ORGANIZATIONS = "listDeletedOrganizations" GET "/api/deleted-orgs";
    FREE_ORGANIZATION_NAME = "freeOrganizationName" DELETE "/api/deleted-orgs/{name}";
    LIST_MEMBERS = "listMembers" GET "/api/orgs/{name}/members";
    GET_MEMBER = "getMember" GET "/api/orgs/{name}/members/{id}";
    CHANGE_MEMBER = "changeMember" PATCH "/api/orgs/{name}/members/{id}";
    REMOVE_MEMBER = "removeMember" DELETE "/api/orgs/{name}/members/{id}";
    LIST_SENT_INVITATIONS = "listSentInvitations" GET "/api/orgs/{name}/invitations";
    CREATE_INVITATION = "createInvitation" POST "/api/orgs/{name}/invitations";
    REVOKE_INVITATION = "revokeInvitation" DELETE "/api/orgs/{name}/invitations/{id}";
    LIST_RECEIVED_INVITATIONS = "listReceivedInvitations" GET "/api/invitations";
    ACCEPT_INVITATION = "acceptInvitation" POST "/api/invitations/{id}/accept";
    LIST_PROJECTS = "listProjects" GET "/api/projects";
    CREATE_PROJECT = "createProject" POST "/api/projects";
    GET_PROJECT = "getProject" GET "/api/projects/{id}";
    DELETE_PROJECT = "deleteProject" DELETE "/api/projects/{id}";
    GET_AUTO_REVOKE = "getAutoRevoke" GET "/api/orgs/{name}/auto-revoke";
    SET_AUTO_REVOKE = "setAutoRevoke" PUT "/api/orgs/{name}/auto-revoke";
    PREVIEW_AUTO_REVOKE = "previewAutoRevoke" GET "/api/orgs/{name}/auto-revoke/preview";
    LIST_USERS = "listUsers" GET "/api/users";
    GET_USER = "getUser" GET "/api/users/{id}";
    CHANGE_USER = "changeUser" PATCH "/api/users/{id}";
    SET_PASSWORD = "setPassword" PUT "/api/users/{id}/password";
    LIST_CREDENTIALS = "listCredentials" GET "/api/users/{id}/credentials";
    END_CREDENTIALS = "endCredentials" DELETE "/api/users/{id}/credentials";
    END_CREDENTIAL = "endCredential" DELETE "/api/users/{id}/credentials/{credential}";
    LIST_EVENTS = "listEvents" GET "/api/audit";
    DECIDE = "decide" POST "/api/verify";
    DECIDE_MANY = "decideMany" POST "/api/verify/batch";
    INTROSPECT = "introspect" POST "/oauth/introspect";
    FORWARD_AUTH = "forwardAuth" GET "/forward-auth";
    FORWARD_AUTH_OF_ORGANIZATION = "forwardAuthOfOrganization" GET "/orgs/{organization}/forward-auth";
    METRICS = "metrics" GET "/metrics", public;
    IS_LIVE = "isLive" GET "/healthz", public;
    IS_READY = "isReady" GET "/readyz", public;
    STATUS = "status" GET "/statusz", public;
    INFO = "info" GET "/infoz", public;
}
