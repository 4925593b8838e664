//! Lists without pages, for existing clients.

use std::future::Future;

use prost::{Message, length_delimiter_len};
use tonic::Status;

/// Largest response, in bytes: the default limit of gRPC clients.
pub(super) const RESPONSE_MAX: usize = 4 * 1024 * 1024;

/// Collects all pages of a list. A list that is larger than a response is refused, with what to use `instead`: a truncated
/// list would look complete.
pub(super) async fn list_all<T: Message, C, F>(
    instead: &str,
    mut page: impl FnMut(Option<C>) -> F,
) -> Result<Vec<T>, Status>
where
    F: Future<Output = Result<(Vec<T>, Option<C>), Status>>,
{
    let (mut result, mut size, mut next) = (Vec::new(), 0, None);
    loop {
        let (items, after) = page(next).await?;
        size += items.iter().map(size_in_list).sum::<usize>();
        if size > RESPONSE_MAX {
            let max = RESPONSE_MAX / 1024 / 1024;
            return Err(Status::resource_exhausted(format!("the whole list has more than {max} MiB; {instead}")));
        }
        result.extend(items);
        next = after;
        if next.is_none() {
            return Ok(result);
        }
    }
}

/// The encoded size with the tag (a field number below 16) and the length prefix.
fn size_in_list(item: &impl Message) -> usize {
    let size = item.encoded_len();
    1 + length_delimiter_len(size) + size
}

#[cfg(test)]
mod tests {
    use latchkey_proto::v1::{ApiTokenItem, ApiTokenServiceListResponse};
    use tonic::Code;

    use super::*;

    async fn gathered(items: usize, size: usize) -> Result<Vec<ApiTokenItem>, Status> {
        let item = ApiTokenItem { description: "x".repeat(size), ..ApiTokenItem::default() };
        list_all("ask for pages", async |left: Option<usize>| {
            let left = left.unwrap_or(items);
            let now = left.min(100);
            Ok((vec![item.clone(); now], Some(left - now).filter(|left| *left > 0)))
        })
        .await
    }

    #[tokio::test]
    async fn all_or_an_error() {
        assert_eq!(gathered(0, 10).await.unwrap().len(), 0);
        assert_eq!(gathered(5_001, 10).await.unwrap().len(), 5_001);
        // The field has 4 bytes more than the text, the item 4 more than that.
        let fits = RESPONSE_MAX / 8 - 8;
        let result = gathered(8, fits).await.unwrap();
        assert_eq!(ApiTokenServiceListResponse { result, ..Default::default() }.encoded_len(), RESPONSE_MAX);
        let refused = gathered(8, fits + 1).await.unwrap_err();
        let message = "the whole list has more than 4 MiB; ask for pages".to_owned();
        assert_eq!((refused.code(), refused.message().to_owned()), (Code::ResourceExhausted, message));
    }
}
