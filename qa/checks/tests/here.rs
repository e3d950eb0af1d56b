//! Every rule on artifacts/registry.wasm: `./build.sh artifacts` makes it.

use registry_checks::{every_check, rules, Subject};

macro_rules! tests {
    ($($module:ident: $rule:literal => $name:ident;)*) => {
        $(
            #[test]
            fn $name() {
                let check = rules::named(stringify!($name)).expect("the list has it");
                if let Err(failure) = check.on(Subject::Here) {
                    panic!("{} ({}): {failure}", check.sentence(), check.rule);
                }
            }
        )*
    };
}

every_check!(tests);
