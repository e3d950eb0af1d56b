use serde_json::json;

use crate::arguments::KeyCommand;
use crate::failure::Outcome;
use crate::keys::{self, Key};
use crate::output;

pub(super) fn run(command: KeyCommand, json: bool) -> Outcome {
    match command {
        KeyCommand::New { name } => show(&keys::create(&name)?, false, json),
        KeyCommand::Show { name, secret } => show(&keys::find(name.as_deref())?, secret, json),
        KeyCommand::List => list(json),
    }
}

fn show(key: &Key, secret: bool, json: bool) -> Outcome {
    let secret = secret.then(|| keys::secret(key)).transpose()?;
    if json {
        let mut shown = json!({"name": key.name, "peer_id": key.peer_id(), "file": key.file});
        if let Some(secret) = secret {
            shown["secret"] = json!(secret);
        }
        output::json(&shown);
        return Ok(());
    }
    output::line(&key.peer_id());
    if let Some(secret) = secret {
        output::line(&secret);
    }
    output::note(&format!("key `{}` in {}", key.name, key.file.display()));
    Ok(())
}

fn list(json: bool) -> Outcome {
    let keys = keys::list()?;
    if json {
        for key in keys {
            output::json(&json!({"name": key.name, "peer_id": key.peer_id(), "file": key.file}));
        }
        return Ok(());
    }
    if keys.is_empty() {
        output::note("no keys yet: registry key new NAME");
        return Ok(());
    }
    let rows = keys
        .iter()
        .map(|key| [key.name.clone(), key.peer_id(), key.file.display().to_string()]);
    output::table(&["NAME", "PEER ID", "FILE"], rows);
    Ok(())
}
