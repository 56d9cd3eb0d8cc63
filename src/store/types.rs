//! Converts values of columns to the types of the domain. A value that this program cannot have written
//! is [`StoreError::Corrupt`], with the column's name.

use chrono::NaiveDateTime;
use uuid::Uuid;

use super::StoreError;
use crate::clock::Moment;
use crate::ids::{CustomerId, PartnerId};
use crate::ledger::{Account, AccountCode, Owner};
use crate::money::Asset;

pub fn bytes16(bytes: &[u8], column: &'static str) -> Result<[u8; 16], StoreError> {
    bytes.try_into().map_err(|_length| StoreError::Corrupt(column))
}

pub fn uuid(bytes: &[u8], column: &'static str) -> Result<Uuid, StoreError> {
    bytes16(bytes, column).map(Uuid::from_bytes)
}

pub fn moment(naive: NaiveDateTime) -> Moment {
    Moment::from_naive(naive)
}

pub fn asset(code: &str) -> Result<Asset, StoreError> {
    Asset::by_code(code).map_err(|_unknown| StoreError::Corrupt("asset"))
}

pub fn partner(id: &str) -> Result<PartnerId, StoreError> {
    PartnerId::try_from(id).map_err(|_invalid| StoreError::Corrupt("partner_id"))
}

pub fn account(
    code: &str,
    owner_kind: &str,
    owner: &str,
    asset_code: &str,
) -> Result<Account, StoreError> {
    let owner = match owner_kind {
        "bank" => Owner::Bank,
        "partner" => Owner::Partner(partner(owner)?),
        "customer" => Owner::Customer(CustomerId::from_uuid(
            Uuid::parse_str(owner).map_err(|_invalid| StoreError::Corrupt("accounts.owner"))?,
        )),
        _ => return Err(StoreError::Corrupt("accounts.owner_kind")),
    };
    let code = AccountCode::by_name(code).ok_or(StoreError::Corrupt("accounts.code"))?;
    Ok(Account { code, owner, asset: asset(asset_code)? })
}
