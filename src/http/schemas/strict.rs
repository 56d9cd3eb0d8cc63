//! Requests are read strictly: an unknown field is a problem. The document says
//! so, also where a type is written as several parts that stand in one object.

use utoipa::openapi::schema::{AdditionalProperties, AllOf, Object, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::event::OrderStage;

/// The same object, in one piece and with no other fields.
pub fn strict(schema: RefOr<Schema>) -> RefOr<Schema> {
    let mut object = match schema {
        RefOr::T(Schema::AllOf(parts)) => in_one(parts),
        RefOr::T(Schema::Object(object)) if !object.properties.is_empty() => object,
        other => return other,
    };
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    RefOr::T(Schema::Object(object))
}

fn in_one(parts: AllOf) -> Object {
    let mut whole = ObjectBuilder::new().schema_type(Type::Object).build();
    whole.description = parts.description;
    for part in parts.items {
        let part = match part {
            // The one part that several kinds of event have in common.
            RefOr::Ref(part) if part.ref_location.ends_with(&*OrderStage::name()) => {
                OrderStage::schema()
            }
            part => part,
        };
        if let RefOr::T(Schema::Object(part)) = part {
            whole.properties.extend(part.properties);
            whole.required.extend(part.required);
        }
    }
    whole
}
