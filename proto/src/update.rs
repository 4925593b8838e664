use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

/// `OrganizationServiceUpdateRequest`, which notices settings that Latchkey does not have. A generated message would
/// drop them in silence, and whoever set one would believe that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationServiceUpdateRequest {
    pub name: String,
    pub api_token_max_days_inactive: Option<i32>,
    /// Numbers of settings that were sent and that Latchkey does not have.
    pub unsupported: Vec<u32>,
}

const NAME: u32 = 1;
const DAYS: u32 = 7;

impl Message for OrganizationServiceUpdateRequest {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        encoding::string::encode(NAME, &self.name, buf);
        if let Some(days) = &self.api_token_max_days_inactive {
            encoding::int32::encode(DAYS, days, buf);
        }
        for tag in &self.unsupported {
            encoding::bool::encode(*tag, &true, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            NAME => encoding::string::merge(wire_type, &mut self.name, buf, ctx),
            DAYS => {
                let days = self.api_token_max_days_inactive.get_or_insert_default();
                encoding::int32::merge(wire_type, days, buf, ctx)
            }
            _ => {
                // A list comes as its elements, each with the number: once is enough.
                if (2..=10).contains(&tag) && !self.unsupported.contains(&tag) {
                    self.unsupported.push(tag);
                }
                encoding::skip_field(wire_type, tag, buf, ctx)
            }
        }
    }

    fn encoded_len(&self) -> usize {
        let days = self.api_token_max_days_inactive.as_ref().map_or(0, |days| encoding::int32::encoded_len(DAYS, days));
        let unsupported: usize = self.unsupported.iter().map(|tag| encoding::bool::encoded_len(*tag, &true)).sum();
        encoding::string::encoded_len(NAME, &self.name) + days + unsupported
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_any_type_are_noticed() {
        let asked = OrganizationServiceUpdateRequest {
            name: "acme".to_owned(),
            api_token_max_days_inactive: Some(90),
            unsupported: Vec::new(),
        };
        let mut bytes = asked.encode_to_vec();
        assert_eq!(bytes.len(), asked.encoded_len());
        assert_eq!(OrganizationServiceUpdateRequest::decode(bytes.as_slice()).as_ref(), Ok(&asked));
        // Number 2 as `true`, number 3 as two texts, number 10 as 8 bytes; number 11 is nobody's.
        bytes.extend([0x10, 1, 0x1a, 1, b'a', 0x1a, 1, b'b', 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0x58, 1]);
        let read = OrganizationServiceUpdateRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!(read, OrganizationServiceUpdateRequest { unsupported: vec![2, 3, 10], ..asked });
        assert!(OrganizationServiceUpdateRequest::decode(&bytes[..bytes.len() - 1]).is_err());
    }
}
