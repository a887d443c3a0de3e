//! The macro that describes JSON objects on the wire once: as structs that serde reads and writes.

/// Defines a struct for each JSON object; its keys are the fields' names in camelCase. A field
/// `name?: Type` is an `Option<Type>` that is left out when it is `None`.
macro_rules! records {
    ($( $(#[$about:meta])* $name:ident { $($fields:tt)* } )*) => {
        $( $crate::protocol::records::records! { @ [$(#[$about])* $name] [] $($fields)* } )*
    };
    (@ $head:tt [$($done:tt)*] $(#[$doc:meta])* $field:ident?: $type:ty, $($rest:tt)*) => {
        $crate::protocol::records::records! { @ $head [
            $($done)*
            $(#[$doc])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $field: Option<$type>,
        ] $($rest)* }
    };
    (@ $head:tt [$($done:tt)*] $(#[$doc:meta])* $field:ident: $type:ty, $($rest:tt)*) => {
        $crate::protocol::records::records! {
            @ $head [$($done)* $(#[$doc])* pub $field: $type,] $($rest)*
        }
    };
    (@ [$(#[$about:meta])* $name:ident] [$($fields:tt)*]) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        $(#[$about])*
        pub struct $name { $($fields)* }
    };
}

pub(super) use records;
