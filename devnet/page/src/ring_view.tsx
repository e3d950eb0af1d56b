import { Component } from "preact";
import type { Happening, Holder, Network, Node, Resource } from "./api.ts";
import { count } from "./format.ts";
import type { Copies, Holding } from "./copies.ts";
import { point, spread } from "./ring.ts";
import { hashOf } from "./state.ts";

/** Radius of the ring, and of the nodes around it, of 50. */
const RING = 33;
const NODES = 43;

interface Props {
  network: Network;
  resource: Resource | null;
  copies: Copies;
  selected: number | null;
  happenings: readonly Happening[];
}

/** The nodes where they lie in the key space; with a resource, where that lies and who holds it. */
export class Ring extends Component<Props, { focused: number }> {
  override state = { focused: 0 };
  #links = new Map<string, HTMLAnchorElement>();
  #last: Happening | undefined;

  override componentDidMount(): void {
    this.#last = this.props.happenings.at(-1);
  }

  override componentDidUpdate(): void {
    const { happenings } = this.props;
    const fresh = happenings.slice(this.#last === undefined ? 0 : happenings.lastIndexOf(this.#last) + 1);
    this.#last = happenings.at(-1);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    // Once for a node: a flood of them shows nothing.
    for (const node of new Set(fresh.map(({ node }) => node))) if (node !== null) pulse(this.#links.get(node));
  }

  override render({ network, resource, copies, selected }: Props, { focused }: { focused: number }) {
    const { nodes } = network;
    const size = sizeOf(nodes.length);
    const turns = spread(nodes.map(({ position }) => position), (1.12 * size.percent) / (2 * Math.PI * NODES));
    const round = nodes.map((_, index) => index).sort((a, b) => turns[a]! - turns[b]!);
    const held = new Map(resource?.nodes.map((holder, index) => [holder.peer_id, { holder, rank: index + 1 }]));
    const current = Math.min(focused, nodes.length - 1);
    const sideB = new Set(network.cut?.sides[1]);

    const step = (event: KeyboardEvent) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const end = { Home: 0, End: nodes.length - 1 }[event.key];
      if (by === undefined && end === undefined) return;
      event.preventDefault();
      const at = end ?? (round.indexOf(current) + by! + nodes.length) % nodes.length;
      const next = nodes[round[at]!]!;
      this.#links.get(next.peer_id)?.focus();
    };

    return (
      <div class="ring" style={{ "--node": `${size.percent}cqw`, "--node-text": `${size.text}cqw` }}>
        <svg viewBox="0 0 100 100" aria-hidden="true">
          <circle class="orbit" cx="50" cy="50" r={RING} />
          {resource !== null && <Place resource={resource} nodes={nodes} />}
          {nodes.map((node, index) => {
            const at = point(node.position, RING);
            const to = point(turns[index]!, NODES);
            return (
              <g key={node.peer_id} class={node.state === "running" ? "tick" : "tick off"}>
                <line x1={at.x} y1={at.y} x2={to.x} y2={to.y} />
                <circle cx={at.x} cy={at.y} r="0.8" />
              </g>
            );
          })}
        </svg>
        <Middle network={network} resource={resource} copies={copies} />
        <ul role="list" aria-label="Nodes in the order of their positions; arrow keys go round" onKeyDown={step}>
          {nodes.map((node, index) => {
            const at = point(turns[index]!, NODES);
            const here = held.get(node.peer_id);
            const holds = copies.holding(here?.holder);
            const side = network.cut === null ? null : sideB.has(node.peer_id) ? "B" : "A";
            const isNeighbour = here?.holder.is_neighbour ?? false;
            return (
              <li key={node.peer_id} style={{ left: `${at.x}%`, top: `${at.y}%` }}>
                <a
                  href={hashOf({ at: "node", node: node.number })}
                  class={classOf(node, side, resource === null ? null : { holds, isNeighbour })}
                  aria-label={spoken(node, side, isNeighbour ? here!.rank : null, resource === null ? null : holds)}
                  aria-current={selected === node.number ? "true" : undefined}
                  tabIndex={index === current ? 0 : -1}
                  onFocus={() => this.setState({ focused: index })}
                  ref={(element: HTMLAnchorElement | null) => {
                    if (element === null) this.#links.delete(node.peer_id);
                    else this.#links.set(node.peer_id, element);
                  }}
                >
                  {node.number}
                </a>
              </li>
            );
          })}
        </ul>
      </div>
    );
  }
}

/** The mark of the resource, and lines to its neighbours. */
function Place({ resource, nodes }: { resource: Resource; nodes: readonly Node[] }) {
  const at = point(resource.position, RING);
  const known = new Set(nodes.map(({ peer_id }) => peer_id));
  return (
    <g class="place">
      {resource.nodes.map((holder) => {
        if (!holder.is_neighbour || !known.has(holder.peer_id)) return null;
        const to = point(holder.position, RING);
        // Bent towards the middle, so that neighbours beside each other stay apart.
        const bend = `${(at.x + to.x + 100) / 4} ${(at.y + to.y + 100) / 4}`;
        return <path key={holder.peer_id} class={holds(holder) ? "holds" : ""} d={`M${at.x} ${at.y}Q${bend} ${to.x} ${to.y}`} />;
      })}
      <rect x={at.x - 1.8} y={at.y - 1.8} width="3.6" height="3.6" transform={`rotate(45 ${at.x} ${at.y})`} />
    </g>
  );
}

const holds = (holder: Holder) => holder.created_at !== null || holder.records.length > 0;

function Middle({ network, resource, copies }: { network: Network; resource: Resource | null; copies: Copies }) {
  if (resource === null) {
    const running = network.nodes.filter(({ state }) => state === "running").length;
    const clients = network.nodes.reduce((sum, { clients }) => sum + clients.length, 0);
    return (
      <div class="middle">
        <strong>{running}</strong>
        <span>{running === network.nodes.length ? "nodes run" : `of ${network.nodes.length} nodes run`}</span>
        <span class="quiet">{count(clients, "client")} connected</span>
      </div>
    );
  }
  const neighbours = resource.nodes.filter(({ is_neighbour }) => is_neighbour);
  return (
    <div class="middle">
      <strong>
        {neighbours.filter(holds).length}
        <small>/{neighbours.length}</small>
      </strong>
      <span>neighbours hold it</span>
      <span class="quiet">{count(copies.records.length, "record")}</span>
    </div>
  );
}

const SPOKEN: Record<Holding, string> = {
  none: "holds nothing of the resource",
  some: "holds some of it",
  all: "holds all of it",
  partial: "holds it and knows that there may be more",
};

function spoken(node: Node, side: "A" | "B" | null, rank: number | null, holds: Holding | null): string {
  const parts = [`Node ${node.number}`, node.state];
  if (side !== null) parts.push(`side ${side} of the cut`);
  if (rank !== null) parts.push(`neighbour ${rank}`);
  if (holds !== null && node.state === "running") parts.push(SPOKEN[holds]);
  return parts.join(", ");
}

function classOf(node: Node, side: "A" | "B" | null, of: { holds: Holding; isNeighbour: boolean } | null): string {
  const classes = ["node"];
  if (node.state !== "running") classes.push("off");
  else if (of !== null) classes.push(`holds-${of.holds}`);
  if (side === "B") classes.push("side-b");
  if (of?.isNeighbour) classes.push("neighbour");
  return classes.join(" ");
}

/** Of a node and of its number, in hundredths of the ring's width: as many as there are have room. */
function sizeOf(nodes: number): { percent: number; text: number } {
  const percent = Math.max(2.4, Math.min(8.6, (2 * Math.PI * NODES * 0.88) / nodes));
  return { percent: Number(percent.toFixed(2)), text: Number((percent * 0.45).toFixed(2)) };
}

function pulse(element: Element | undefined): void {
  element?.animate(
    [{ boxShadow: "0 0 0 0 var(--pulse)" }, { boxShadow: "0 0 0 14px transparent" }],
    { duration: 900, easing: "ease-out" },
  );
}
