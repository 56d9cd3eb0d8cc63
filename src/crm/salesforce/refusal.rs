use reqwest::StatusCode;
use serde_json::Value as Json;

use super::LIMIT_WAIT;
use crate::crm::CrmError;
use crate::crm::wire::Answered;

/// A refusal by Salesforce, by its `errorCode`. Its messages are not kept: they may repeat what was
/// sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The Lead has become a Contact: it belongs to the staff now.
    Converted,
    /// A validation rule of the org, with the fields that it names.
    Rule(Vec<String>),
    /// Salesforce asks us to wait.
    Limit,
    /// Another transaction has locked the record.
    Locked,
    Other {
        code: String,
        fields: Vec<String>,
    },
}

impl Refusal {
    /// What an answer that is not a success says of the lead.
    ///
    /// # Errors
    /// [`CrmError`] if the answer says nothing about the lead.
    pub(super) fn of(answered: &Answered) -> Result<Self, CrmError> {
        let answer = answered.json();
        let first = answer.as_ref().and_then(|answer| answer.get(0));
        let refusal = Self::read(first);
        // Salesforce also answers 403 when the allowance is used up.
        if refusal == Self::Limit {
            return Err(refusal.into_error());
        }
        if answered.status == StatusCode::MULTIPLE_CHOICES {
            return Err(CrmError::Refused("several records have our id".to_owned()));
        }
        if answered.status == StatusCode::NOT_FOUND {
            return Err(CrmError::Unavailable("it has no such object or field".to_owned()));
        }
        answered.trouble().map_or(Ok(refusal), Err)
    }

    /// Reads `{"errorCode" or "statusCode", "fields"}`: single requests and collections differ.
    pub(super) fn read(error: Option<&Json>) -> Self {
        let text = |name: &str| error.and_then(|error| error.get(name)?.as_str());
        let code = text("errorCode").or_else(|| text("statusCode")).unwrap_or("an unknown error");
        let fields = error.and_then(|error| error.get("fields")?.as_array());
        let fields = fields.map(Vec::as_slice).unwrap_or_default();
        let fields = fields.iter().filter_map(|field| Some(field.as_str()?.to_owned())).collect();
        match code {
            "CANNOT_UPDATE_CONVERTED_LEAD" => Self::Converted,
            "FIELD_CUSTOM_VALIDATION_EXCEPTION" => Self::Rule(fields),
            "REQUEST_LIMIT_EXCEEDED" => Self::Limit,
            "UNABLE_TO_LOCK_ROW" => Self::Locked,
            code => {
                let word = |c: char| c.is_ascii_uppercase() || matches!(c, '_');
                let known = code.len() <= 60 && code.chars().all(word);
                let code = if known { code } else { "an unknown error" };
                Self::Other { code: code.to_owned(), fields }
            }
        }
    }

    pub(super) fn into_error(self) -> CrmError {
        match self {
            Self::Converted => CrmError::Refused("CANNOT_UPDATE_CONVERTED_LEAD".to_owned()),
            Self::Rule(fields) => {
                CrmError::Refused(format!("a validation rule about {}", fields.join(", ")))
            }
            Self::Limit => CrmError::RateLimited { retry_after: Some(LIMIT_WAIT) },
            Self::Locked => CrmError::Unavailable("UNABLE_TO_LOCK_ROW".to_owned()),
            Self::Other { code, fields } if fields.is_empty() => CrmError::Refused(code),
            Self::Other { code, fields } => {
                CrmError::Refused(format!("{code}: {}", fields.join(", ")))
            }
        }
    }
}
