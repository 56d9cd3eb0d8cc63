//! The forms of ids, amounts and times in JSON.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Moment;
use crate::ids::{
    AnnouncementId, AttachmentId, BankEntryId, BreakId, ConsentId, CorrectionId, CustomerId,
    EndpointId, ErasureId, EventId, ImportId, LineNumber, MemberRef, MessageId, OrderNumber,
    PartnerId, QuoteId, ReadingId, ReconciliationId, RedemptionCode, ReferralId, RuleId,
    SeparationId, StaffId, StageName, StatementId, StatementUploadId, StoreName, TaskId,
    TransactionId,
};
use crate::ledger::AccountCode;
use crate::ledger::chain::Hash;
use crate::money::{Amount, Asset};
use crate::reconcile::period::Period;

macro_rules! text_in_the_form {
    ($($name:ident $pattern:expr, $says:literal;)*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .pattern(Some($pattern))
                        .description(Some($says))
                        .into()
                }
            }

            impl ToSchema for $name {}
        )*

        #[cfg(test)]
        const FORMS: &[(&str, fn(&str) -> bool)] =
            &[$(($pattern, |text| $name::try_from(text).is_ok())),*];
    };
}

/// A label: text in any script, without control and invisible characters and blank edges.
const LABEL: &str = concat!(
    "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]",
    "([^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]{0,126}",
    "[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb])?$"
);

text_in_the_form! {
    PartnerId "^[a-z][a-z0-9-]{1,39}$", "A partner's id.";
    RuleId "^[a-z][a-z0-9-]{1,39}$", "A rule, scheme or product of the partner's manifest.";
    EventId "^[!-~]{1,128}$", "A reference of the partner's own.";
    OrderNumber LABEL, "The partner's number of the order.";
    StageName LABEL, "The partner's name of the stage.";
    StoreName LABEL, "The partner's name or number of the store.";
    LineNumber LABEL, "The partner's number of the line, once in a payment.";
    MemberRef "^[!-~]{1,64}$", "What the partner calls the customer.";
    RedemptionCode "^[0-9]{16}$", "What the customer shows at the till, good once.";
    AnnouncementId "^[A-Za-z0-9._-]{1,64}$", "What the bank's systems call it, unique for ever.";
    CorrectionId "^[A-Za-z0-9._-]{1,64}$", "What staff call the correction, unique for ever.";
}

/// Two decimals, the scale of every asset there is.
const AMOUNT: &str = "^-?[0-9]{1,17}(\\.[0-9]{1,2})?$";

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(AMOUNT))
            .description(Some("A decimal in a string, never a JSON number."))
            .into()
    }
}

impl ToSchema for Amount {}

macro_rules! uuid {
    ($($name:ident),*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .format(Some(SchemaFormat::Custom("uuid".to_owned())))
                        .into()
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

uuid!(
    AttachmentId,
    ConsentId,
    CustomerId,
    EndpointId,
    ErasureId,
    ImportId,
    MessageId,
    QuoteId,
    ReadingId,
    ReconciliationId,
    SeparationId,
    ReferralId,
    StatementId,
    StatementUploadId,
    TaskId,
    TransactionId
);

impl PartialSchema for BreakId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{32}$")).into()
    }
}

impl ToSchema for BreakId {}

impl PartialSchema for BankEntryId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{32}$")).into()
    }
}

impl ToSchema for BankEntryId {}

impl PartialSchema for Period {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9]{4}-(0[1-9]|1[0-2])$"))
            .description(Some("A calendar month."))
            .into()
    }
}

impl ToSchema for Period {}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339; answered in UTC, to the microsecond."))
            .into()
    }
}

impl ToSchema for Moment {}

impl PartialSchema for Asset {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::ALL.map(Self::code)))
            .description(Some("Yuan, in fen; or points, in hundredths."))
            .into()
    }
}

impl ToSchema for Asset {}

impl PartialSchema for StaffId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(255)).into()
    }
}

impl ToSchema for StaffId {}

impl PartialSchema for AccountCode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A code of the chart of accounts."))
            .into()
    }
}

impl ToSchema for AccountCode {}

impl PartialSchema for Hash {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{64}$")).into()
    }
}

impl ToSchema for Hash {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::string::string_regex;

    use crate::money::AmountError;

    proptest! {
        /// What the document promises to take is taken.
        #[test]
        fn whatever_is_of_the_form_is_read(
            (form, text) in (0..FORMS.len()).prop_flat_map(|form| {
                let pattern = FORMS[form].0.trim_start_matches('^').trim_end_matches('$');
                (Just(form), string_regex(pattern).unwrap())
            })
        ) {
            prop_assert!(FORMS[form].1(&text), "{} {text:?}", FORMS[form].0);
        }

        /// Beyond what an account can hold it is refused as such, not as a number.
        #[test]
        fn an_amount_of_the_form_is_a_number(
            text in string_regex(AMOUNT.trim_start_matches('^').trim_end_matches('$')).unwrap()
        ) {
            let read = Asset::ALL.map(|asset| Amount::parse(&text, asset));
            prop_assert!(read.iter().all(|read| matches!(
                read, Ok(_) | Err(AmountError::OutOfRange { .. })
            )), "{text:?}");
        }
    }
}
