use latchkey_api_types::{
    NewToken, Page, RevokedTokens, Rotation, Token, TokenChanges, TokenQuery, TokenWithSecret, TokensToRevoke,
};

use crate::operation::{CHANGE_TOKEN, CREATE_TOKEN, GET_TOKEN, LIST_TOKENS, REVOKE_TOKEN, REVOKE_TOKENS, ROTATE_TOKEN};
use crate::request::{IdempotencyKey, IfMatch, IfMatchAndIdempotencyKey, IfNoneMatch};
use crate::{Client, Items, Request, Tagged, response};

/// API tokens of an organization, or of the instance.
#[derive(Clone, Copy, Debug)]
pub struct TokensClient<'a> {
    pub(crate) client: &'a Client,
}

impl TokensClient<'_> {
    /// A page of tokens, newest first.
    pub fn list(&self, query: &TokenQuery) -> Request<Page<Token>> {
        Request::new(self.client, &LIST_TOKENS, &[], response::json).query(query)
    }

    /// All tokens, from the query's page on.
    pub fn list_all(&self, query: &TokenQuery) -> Items<Token> {
        let (client, query) = (self.client.clone(), query.clone());
        Items::new(query.cursor.clone(), move |cursor| client.tokens().list(&TokenQuery { cursor, ..query.clone() }))
    }

    /// Creates a token. Its secret is in the response, the only time.
    pub fn create(&self, token: &NewToken) -> Request<Tagged<TokenWithSecret>, IdempotencyKey> {
        Request::new(self.client, &CREATE_TOKEN, &[], response::tagged).json(token)
    }

    /// A token.
    pub fn get(&self, id: impl ToString) -> Request<Tagged<Token>, IfNoneMatch> {
        Request::new(self.client, &GET_TOKEN, &[&id.to_string()], response::tagged)
    }

    /// Changes a token. What the changes do not name stays.
    pub fn change(&self, id: impl ToString, changes: &TokenChanges) -> Request<Tagged<Token>, IfMatch> {
        Request::new(self.client, &CHANGE_TOKEN, &[&id.to_string()], response::tagged).json(changes)
    }

    /// Gives a token a new secret, which is in the response, the only time.
    pub fn rotate(
        &self,
        id: impl ToString,
        rotation: &Rotation,
    ) -> Request<Tagged<TokenWithSecret>, IfMatchAndIdempotencyKey> {
        Request::new(self.client, &ROTATE_TOKEN, &[&id.to_string()], response::tagged).json(rotation)
    }

    /// Revokes a token. Once this has returned, no replica accepts it.
    pub fn revoke(&self, id: impl ToString) -> Request<(), IfMatch> {
        Request::new(self.client, &REVOKE_TOKEN, &[&id.to_string()], response::nothing)
    }

    /// Revokes up to 100 tokens: all of them, or none if one of them may not be revoked.
    pub fn revoke_many<I: ToString>(&self, ids: impl IntoIterator<Item = I>) -> Request<RevokedTokens> {
        let ids = ids.into_iter().map(|id| id.to_string()).collect();
        Request::new(self.client, &REVOKE_TOKENS, &[], response::json).json(&TokensToRevoke { ids })
    }
}
