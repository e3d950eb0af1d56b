import { Component } from "preact";
import type { EventKind, Happening, Node, SeenResource } from "./api.ts";
import { bytes, clock, count, short, shortResource } from "./format.ts";
import { hashOf, type State } from "./state.ts";

const SHOWN = 100;

const WORDS: Record<EventKind, string> = {
  created: "Created",
  registered: "Registered",
  resolved: "Resolved",
  replicated: "Replicated",
  renewed: "Renewed",
  expired: "Expired",
  deleted: "Unregistered",
  started: "Started",
  stopped: "Stopped",
  killed: "Killed",
  added: "Added",
  connected: "Connected",
  cut_off: "Cut off",
  refused: "Refused",
  cut: "Network cut",
  healed: "Network healed",
  trouble: "Trouble",
};

/** What happens, the newest first, each with what it cost. */
export class Feed extends Component<{ state: State }, { isOwn: boolean; paused: readonly Happening[] | null }> {
  override state = { isOwn: false, paused: null as readonly Happening[] | null };

  override render({ state }: { state: State }, { isOwn, paused }: { isOwn: boolean; paused: readonly Happening[] | null }) {
    const { resource, seen, server } = state;
    const nodes = new Map(state.network?.nodes.map((node) => [node.peer_id, node]));
    let shown = paused ?? state.happenings;
    if (isOwn && resource !== null) shown = shown.filter(({ resources }) => resources.includes(resource.id));
    const newestFirst = shown.slice(-SHOWN).reverse();
    return (
      <section class="feed" aria-labelledby="feed-title">
        <div class="heading">
          <h2 id="feed-title">What happens</h2>
          <button type="button" class="plain" aria-pressed={paused !== null} onClick={() => this.setState({ paused: paused === null ? state.happenings : null })}>
            {paused === null ? "Pause" : "Go on"}
          </button>
        </div>
        {resource !== null && (
          <label class="check">
            <input type="checkbox" checked={isOwn} onChange={(event) => this.setState({ isOwn: event.currentTarget.checked })} />
            only “{resource.label ?? shortResource(resource.id)}”
          </label>
        )}
        {newestFirst.length === 0 && <p class="quiet">Nothing yet. Create a resource, or connect a client.</p>}
        <div class="scroll" role="region" aria-label="What happens, the newest first" tabIndex={0}>
          <ol>
            {newestFirst.map((happening) => (
              <Item key={happening.id} happening={happening} nodes={nodes} seen={seen} me={server?.peer_id} />
            ))}
          </ol>
        </div>
      </section>
    );
  }
}

interface ItemProps {
  happening: Happening;
  nodes: ReadonlyMap<string, Node>;
  seen: ReadonlyMap<string, SeenResource>;
  me: string | undefined;
}

/** Drawn once, and once more when the label of what it is about becomes known: what happened does not change. */
class Item extends Component<ItemProps> {
  override shouldComponentUpdate(next: ItemProps): boolean {
    return next.seen !== this.props.seen || next.me !== this.props.me || next.happening !== this.props.happening;
  }

  override render({ happening, nodes, seen, me }: ItemProps) {
    const { kind, at_ms, node, peer_id, resources, cost, text } = happening;
    const number = node === null ? undefined : nodes.get(node)?.number;
    return (
      <li class={`happening ${kind}`}>
        <p>
          <time dateTime={new Date(at_ms).toISOString()}>{clock(at_ms)}</time>
          <strong>{WORDS[kind] ?? kind}</strong>
          {resources.slice(0, 2).map((id) => (
            <a key={id} href={hashOf({ at: "resource", id })} title={id}>
              {seen.get(id)?.label ?? shortResource(id)}
            </a>
          ))}
          {resources.length > 2 && <span class="quiet">and {resources.length - 2} more</span>}
        </p>
        <p class="quiet">
          {number !== undefined && <a href={hashOf({ at: "node", node: number })}>node {number}</a>}
          {peer_id !== null && peer_id !== node && <span title={peer_id}>{peer_id === me ? "this server" : name(peer_id, nodes)}</span>}
          {cost !== null && priced(cost).map((part) => <span key={part}>{part}</span>)}
          {text !== null && <span class="text">{text}</span>}
        </p>
      </li>
    );
  }
}

function name(peer: string, nodes: ReadonlyMap<string, Node>): string {
  const node = nodes.get(peer);
  return node === undefined ? `client ${short(peer)}` : `for node ${node.number}`;
}

/** What it cost: messages, what they weighed, who took part, and for how long that kept the machine busy. */
function priced(cost: NonNullable<Happening["cost"]>): string[] {
  const ms = Math.round(cost.avm_ms + cost.service_ms);
  return [count(cost.messages, "message"), bytes(cost.bytes), count(cost.nodes, "node"), `${ms} ms`];
}
