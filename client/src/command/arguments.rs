//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Finds who provides what in a Fluence network, calls them, and is one of them.
#[derive(Debug, Parser)]
#[command(
    name = "registry",
    version,
    after_help = "\
Begin with a network on this machine, and a second terminal:
  registry up
  registry create chat
  registry provide chat@me --value 'hello from my laptop'
  registry resolve chat@me

RESOURCE is the id of a resource, or LABEL@OWNER: `chat@me`, `chat@12D3KooW…`; or open:LABEL, which everybody who knows
the label finds, and can provide.
Exit codes: 0 done, 1 refused or failed, 2 wrong arguments, 3 nothing found, 4 no network, 5 no answer in time."
)]
pub(crate) struct Arguments {
    /// Write JSON, one value a line, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Who calls, and through whom.
#[derive(Debug, Args, Clone)]
pub(crate) struct Common {
    /// Address of a relay, /ip4/…/tcp/…/p2p/…; several are tried in turn. Without it: what `registry up` runs.
    #[arg(long, global = true, value_name = "ADDRESS", env = "REGISTRY_RELAY")]
    pub(crate) relay: Vec<String>,
    /// Name of a key, or its file. Fluence CLI's secrets are found by name, too. Without it: the key `default`.
    #[arg(long, global = true, value_name = "NAME|FILE", env = "REGISTRY_KEY")]
    pub(crate) key: Option<String>,
    /// How long a call may take.
    #[arg(long, global = true, value_name = "TIME", default_value = "7s", value_parser = time)]
    pub(crate) ttl: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a network on this machine until Ctrl-C.
    #[command(after_help = "Examples:\n  registry up\n  registry up --nodes 20 --storage ~/registry-network")]
    Up(Up),
    /// Make and show keys. A key is who you are: it owns resources and signs registrations.
    #[command(
        subcommand,
        after_help = "Examples:\n  registry key new alice\n  registry --key alice create chat"
    )]
    Key(KeyCommand),
    /// Create a resource of yours, or an open one.
    #[command(
        after_help = "Examples:\n  registry create chat\n  registry --json create chat\n  registry create open:chat"
    )]
    Create {
        /// Its name, at most 512 bytes. Everybody's labels are their own; open:LABEL is everybody's.
        label: String,
    },
    /// Show the id of a resource, whether it exists or not. Needs no network.
    #[command(after_help = "Examples:\n  registry id chat\n  registry id chat 12D3KooW…\n  registry id open:chat")]
    Id {
        label: String,
        /// Whose it is; you, unless named.
        owner: Option<String>,
    },
    /// Register yourself, or a node, as a provider.
    #[command(after_help = "\
Examples:
  registry provide chat@me --value 'hello'            stays, renews, and removes itself at Ctrl-C
  registry provide chat@me --value v1 --for 1h        the same for an hour
  registry provide chat@me --value v1 --once          registers for 24 hours and ends
  registry provide open:chat --value v1 --lease 5m    gone 5 minutes after the last renewal, if this computer is
  registry provide chat@me --value v1 --node 12D3KooW…  the node keeps it alive until `unregister`")]
    Provide(Provide),
    /// Show the providers of a resource.
    #[command(after_help = "\
Examples:
  registry resolve chat@me
  registry resolve open:chat --alive                  only those that are there now
  registry resolve chat@me --through                  what the resource's directories list, too
  registry --json resolve chat@me --ack 5 --verify")]
    Resolve {
        #[arg(value_name = "RESOURCE")]
        resource: String,
        /// How many nodes must answer: more see more, and cost more.
        #[arg(long, default_value_t = 1, value_name = "N")]
        ack: u16,
        /// Check each issuer's signature here, and leave out what does not verify.
        #[arg(long)]
        verify: bool,
        /// Show only those that are there now, and tell who of the others is not.
        #[arg(long)]
        alive: bool,
        /// Follow providers that are directories, one level, to at most 10,000 providers.
        #[arg(long, conflicts_with = "alive")]
        through: bool,
    },
    /// Show who comes and goes, until Ctrl-C.
    #[command(after_help = "Examples:\n  registry watch chat@me\n  registry --json watch chat@me --every 30s")]
    Watch {
        #[arg(value_name = "RESOURCE")]
        resource: String,
        /// How often to look.
        #[arg(long, default_value = "5s", value_name = "TIME", value_parser = time)]
        every: Duration,
    },
    /// Void what you registered for a peer: yourself, unless a node is named.
    #[command(after_help = "Examples:\n  registry unregister chat@me\n  registry unregister chat@me 12D3KooW…")]
    Unregister {
        #[arg(value_name = "RESOURCE")]
        resource: String,
        peer: Option<String>,
    },
    /// Call a function on every provider of a resource, or on one.
    #[command(after_help = "\
Arguments are JSON where they read as JSON, else text.
Examples:
  registry call chat@me greeter greet Ada
  registry call chat@me calc add 1 2
  registry call open:calc calc add 1 2 --one          the first that succeeds, of at most three")]
    Call {
        #[arg(value_name = "RESOURCE")]
        resource: String,
        /// The service's id on the providers.
        service: String,
        function: String,
        arguments: Vec<String>,
        /// Call one provider: if it fails, or has no answer in its share of the time, another; at most three, all within --ttl.
        #[arg(long)]
        one: bool,
    },
    /// Ask each of the 20 nodes what it holds of a resource, and each provider's relay whether it is there.
    #[command(after_help = "Examples:\n  registry doctor chat@me")]
    Doctor {
        #[arg(value_name = "RESOURCE")]
        resource: String,
    },
    /// Show what nodes say of themselves: all of `registry up`, or the relay, unless named.
    #[command(after_help = "Examples:\n  registry stats\n  registry --json stats 12D3KooW…")]
    Stats { peers: Vec<String> },
    /// Call a function of an Aqua file. Needs Node.js, and the compiler that `./build.sh` installs.
    #[command(after_help = "Examples:\n  registry run hello.aqua 'hello(\"world\", 2)'")]
    Run {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// `name(arguments in JSON)`.
        call: String,
        /// Where imports are looked for.
        #[arg(long = "import", value_name = "DIR")]
        imports: Vec<PathBuf>,
    },
    /// Serve what nodes say of themselves to Prometheus.
    #[command(after_help = "Examples:\n  registry metrics --listen 127.0.0.1:9464 12D3KooW… 12D3KooW…")]
    Metrics {
        /// Where to listen.
        #[arg(long, value_name = "ADDR")]
        listen: SocketAddr,
        /// The nodes; all of `registry up`, or the relay, unless named.
        peers: Vec<String>,
    },
    /// Serve resources and providers over HTTP, in front of any network, to programs in any language.
    #[command(after_help = "\
Who acts is the key: it owns what is created and signs what is registered.
Examples:
  registry gateway --relay /ip4/…/tcp/…/p2p/12D3KooW…
  curl -s http://127.0.0.1:9981/api/resources/chat@me/providers")]
    Gateway {
        /// Where to listen. Whoever reaches it acts with your key.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9981")]
        listen: SocketAddr,
        /// A name under which it may be called, beside localhost; may be repeated.
        #[arg(long, value_name = "NAME")]
        allow_host: Vec<String>,
    },
    /// Write completions for a shell.
    #[command(
        after_help = "Examples:\n  registry completions bash > ~/.local/share/bash-completion/completions/registry"
    )]
    Completions { shell: Shell },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// How many nodes [default: 8, or as many as the storage holds].
    #[arg(long, value_name = "N")]
    pub(crate) nodes: Option<usize>,
    /// The first port; 0 takes any that are free [default: 9990, or what the storage names].
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Keep identities and data in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) storage: Option<PathBuf>,
    /// Leave trust-graph out, as on nodes that have none.
    #[arg(long)]
    pub(crate) no_trust_graph: bool,
    /// Port of the page and the HTTP API on 127.0.0.1; 0 takes any that is free [default: 9980, or any with `--port 0`].
    #[arg(long, value_name = "PORT", conflicts_with = "no_http")]
    pub(crate) http_port: Option<u16>,
    /// Serve neither page nor API.
    #[arg(long)]
    pub(crate) no_http: bool,
    /// How often a node exchanges each key with its neighbours [default: 1h, as on real nodes].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) replicate_every: Option<Duration>,
    /// Have aqua-dht, the registry's predecessor, on every node, too.
    #[arg(long)]
    pub(crate) aqua_dht: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key.
    New { name: String },
    /// Show a key's peer id.
    Show {
        /// The default one unless named.
        name: Option<String>,
        /// Show the secret, too: whoever has it is you.
        #[arg(long)]
        secret: bool,
    },
    /// Show all keys, Fluence CLI's included.
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Provide {
    #[arg(value_name = "RESOURCE")]
    pub(crate) resource: String,
    /// What others read of the provider, at most 4,096 bytes.
    #[arg(long, value_name = "TEXT")]
    pub(crate) value: String,
    /// The id of the service that is offered.
    #[arg(long, value_name = "ID")]
    pub(crate) service: Option<String>,
    /// Register this node in place of yourself.
    #[arg(long, value_name = "PEER")]
    pub(crate) node: Option<String>,
    /// Register for this time only, 60s to 24h, and renew at a third of it. Ends what --value said when this computer is gone.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "node")]
    pub(crate) lease: Option<Duration>,
    /// How long to stay registered; until Ctrl-C unless given.
    #[arg(long = "for", value_name = "TIME", value_parser = time, conflicts_with_all = ["once", "node"])]
    pub(crate) duration: Option<Duration>,
    /// Register once, for 24 hours or for --lease, and end.
    #[arg(long)]
    pub(crate) once: bool,
}

/// `500ms`, `7s`, `5m`, `1h`, `2d`.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "write it like 500ms, 7s, 5m, 1h or 2d".to_owned())?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("the unit is ms, s, m, h or d".to_owned()),
    };
    let ms = number
        .checked_mul(unit_ms)
        .filter(|ms| (1..=366 * 86_400_000).contains(ms));
    ms.map(Duration::from_millis)
        .ok_or_else(|| "it is 1 ms to a year".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent_and_every_subcommand_has_examples() {
        let mut command = Arguments::command();
        command.clone().debug_assert();
        command.build();
        for subcommand in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let help = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("registry "), "{} shows no example", subcommand.get_name());
        }
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("1h"), Ok(Duration::from_secs(3_600)));
        for text in ["", "7", "s", "0s", "-1s", "1 s", "9999999999999d"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
