//! The operations whose service does not exist yet: known by name, refused with what to do instead, not listed.

use loki_operation::{Access, Available, Cost, Info};
use serde_json::{Value, json};

use super::{OperationInfo, nothing};
use crate::{Forge, OpError, Outcome};

/// A service that is missing, and the operations that it would carry out.
struct Missing {
    group: &'static str,
    service: &'static str,
    instead: &'static str,
    operations: &'static [(&'static str, Access)],
}

use Access::{Destructive, Read, Write};

const MISSING: [Missing; 8] = [
    Missing {
        group: "storage",
        service: "file storage",
        instead: "Declare the bucket with `forge_declare` or in `forge.yaml`, so that what is asked for is kept.",
        operations: &[
            ("forge_storage_bucket_create", Write),
            ("forge_storage_bucket_list", Read),
            ("forge_storage_bucket_delete", Destructive),
            ("forge_storage_upload", Write),
            ("forge_storage_signed_url", Read),
            ("forge_storage_transform_preset", Write),
        ],
    },
    Missing {
        group: "functions",
        service: "the function runtime",
        instead: "Declare the function with `forge_declare`; for work on rows, add a database function (`add_function`) with `forge_db_migrate` and call it with `forge_db_rpc_call`.",
        operations: &[
            ("forge_function_deploy", Write),
            ("forge_function_list", Read),
            ("forge_function_invoke", Write),
            ("forge_function_logs", Read),
            ("forge_function_delete", Destructive),
        ],
    },
    Missing {
        group: "gateway",
        service: "the model gateway",
        instead: "Declare it with `forge_declare` as `model_gateway`, and call the provider from the application's server.",
        operations: &[
            ("forge_gateway_route_add", Write),
            ("forge_gateway_route_list", Read),
            ("forge_gateway_usage", Read),
        ],
    },
    Missing {
        group: "realtime",
        service: "the realtime service",
        instead: "Declare the channel with `forge_declare`, and read new rows with `forge_db_query` until it is there.",
        operations: &[
            ("forge_realtime_channel_create", Write),
            ("forge_realtime_publish", Write),
            ("forge_realtime_history", Read),
        ],
    },
    Missing {
        group: "schedules",
        service: "the scheduler",
        instead: "Declare the schedule with `forge_declare` or in `forge.yaml`; run the work by hand or by the system's own timer.",
        operations: &[
            ("forge_schedule_create", Write),
            ("forge_schedule_list", Read),
            ("forge_schedule_delete", Destructive),
            ("forge_schedule_logs", Read),
        ],
    },
    Missing {
        group: "secrets",
        service: "the vault",
        instead: "Declare its name with `forge_declare`; a person puts the value into `.loki/forge/secrets/NAME`, for its owner alone.",
        operations: &[
            ("forge_secret_set", Write),
            ("forge_secret_list", Read),
            ("forge_secret_delete", Destructive),
            ("forge_secret_rotate", Destructive),
        ],
    },
    Missing {
        group: "payments",
        service: "payments",
        instead: "Declare the provider with `forge_declare` as `payment_provider`, and use its own library from the application's server.",
        operations: &[
            ("forge_payments_provider_setup", Write),
            ("forge_payments_product_create", Write),
            ("forge_payments_webhook_register", Write),
            ("forge_payments_subscription_list", Read),
        ],
    },
    Missing {
        group: "deploy",
        service: "deployment",
        instead: "Serve the backend with `loki forge serve`, behind a proxy of your own or with `forge.tls_certificate`.",
        operations: &[
            ("forge_deploy_provider_setup", Write),
            ("forge_deploy_promote", Destructive),
            ("forge_deploy_status", Read),
            ("forge_deploy_rollback", Destructive),
        ],
    },
];

/// All of them, as every door knows them.
pub(super) fn all() -> impl Iterator<Item = OperationInfo> {
    MISSING.iter().flat_map(|missing| {
        let of = |&(name, access): &(&'static str, Access)| OperationInfo {
            info: Info {
                name,
                group: missing.group,
                summary: "Not there yet.",
                access,
                cost: Cost::Free,
                idempotent: true,
                input_schema: nothing,
                output_schema: no_answer,
                available: Available::NotYet { service: missing.service, instead: missing.instead },
            },
            call: refuse,
        };
        missing.operations.iter().map(of)
    })
}

fn no_answer() -> Value {
    json!({ "type": "object" })
}

fn refuse(_forge: &Forge, operation: &'static str, _input: &Value) -> Result<Outcome, OpError> {
    let known = super::all().iter().find(|known| known.info.name == operation);
    let (service, instead) = match known.map(|known| known.info.available) {
        Some(Available::NotYet { service, instead }) => (service, instead),
        Some(Available::Here) | None => ("a service", "Ask for what is listed."),
    };
    Err(OpError::NotAvailable { operation, service, instead })
}
