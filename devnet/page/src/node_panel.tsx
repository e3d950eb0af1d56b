import { Chart } from "./chart.tsx";
import type { Control } from "./control.ts";
import { bytes, clock, count, short, span } from "./format.ts";
import { hashOf, type State } from "./state.ts";

/** One node: what it is, holds and sees, and what can be done to it. */
export function NodePanel({ state, control }: { state: State; control: Control }) {
  const { network, route, resource, busy, server, nowMs } = state;
  const node = network?.nodes.find(({ number }) => route.at === "node" && number === route.node);
  if (node === undefined || network === null) {
    return <p class="quiet">{network === null ? "" : "There is no such node."}</p>;
  }
  const page = state.node?.node.peer_id === node.peer_id ? state.node : null;
  const runs = node.state === "running";
  const history = page?.history ?? [];
  const numbers = new Map(network.nodes.map(({ peer_id, number }) => [peer_id, number]));
  const side = network.cut === null ? null : network.cut.sides[1].includes(node.peer_id) ? "B" : "A";
  return (
    <article aria-labelledby="node-title">
      <p class="back">
        <a href={hashOf({ at: "resource", id: resource?.id ?? null })}>← {resource === null ? "Resources" : (resource.label ?? "The resource")}</a>
      </p>
      <div class="heading">
        <h2 id="node-title">Node {node.number}</h2>
        <span class={`badge ${runs ? "good" : "bad"}`}>{node.state}</span>
        {server?.relay === node.peer_id && <span class="badge">relay of this server</span>}
        {side !== null && <span class="badge">side {side} of the cut</span>}
      </div>
      <div class="actions" role="group" aria-label={`Node ${node.number}`}>
        {runs ? (
          <>
            <button type="button" disabled={busy.has(`stop ${node.number}`)} onClick={() => control.change("stop", node)}>
              Stop
            </button>
            <button type="button" class="danger" disabled={busy.has(`kill ${node.number}`)} onClick={() => control.change("kill", node)}>
              Kill
            </button>
            <button type="button" disabled={busy.has(`restart ${node.number}`)} onClick={() => control.change("restart", node)}>
              Kill and restart
            </button>
          </>
        ) : (
          <button type="button" class="primary" disabled={busy.has(`restart ${node.number}`)} onClick={() => control.change("restart", node)}>
            {busy.has(`restart ${node.number}`) ? "Starting …" : "Start again"}
          </button>
        )}
      </div>
      <dl class="facts">
        <div>
          <dt>Peer id</dt>
          <dd>
            <code>{node.peer_id}</code>
          </dd>
        </div>
        <div>
          <dt>For programs</dt>
          <dd>
            <code>{node.ws}</code>
          </dd>
        </div>
        <div>
          <dt>Position</dt>
          <dd>{(node.position * 100).toFixed(2)} % of the ring</dd>
        </div>
        <div>
          <dt>Clock</dt>
          <dd>
            {runs ? clock(nowMs + node.clock_ahead_ms) : "–"}
            {node.clock_ahead_ms !== 0 && <span class="quiet"> ({offset(node.clock_ahead_ms)})</span>}
          </dd>
        </div>
        <div>
          <dt>Clients</dt>
          <dd>
            {node.clients.length === 0
              ? "none"
              : node.clients.map((peer) => (
                  <code key={peer} class="chip" title={peer}>
                    {peer === server?.peer_id ? "this server" : short(peer)}
                  </code>
                ))}
          </dd>
        </div>
      </dl>
      <h3>Over the last {history.length > 1 ? span((history.at(-1)!.at_ms - history[0]!.at_ms) / 1_000) : "minutes"}</h3>
      <div class="charts">
        <Chart title="Keys" history={history} value={({ keys }) => keys} />
        <Chart title="Records" history={history} value={({ records }) => records} />
        <Chart title="Due for replication" history={history} value={({ due }) => due} />
        <Chart title="Stored" history={history} value={({ bytes }) => bytes} format={bytes} />
        <Chart title="Spell runs" history={history} value={({ spell_runs }) => spell_runs} />
        <Chart title="Tombstones" history={history} value={({ tombstones }) => tombstones} />
      </div>
      <h3>Peers that it sees</h3>
      {page === null ? (
        <p class="quiet">…</p>
      ) : page.peers.length === 0 ? (
        <p class="quiet">None.</p>
      ) : (
        <>
          <p class="quiet">{count(page.peers.length, "peer")}, the closest first.</p>
          <ol class="chips">
            {page.peers.map((peer) => (
              <li key={peer}>
                {numbers.has(peer) ? (
                  <a class="chip" href={hashOf({ at: "node", node: numbers.get(peer)! })}>
                    node {numbers.get(peer)}
                  </a>
                ) : (
                  <code class="chip">{short(peer)}</code>
                )}
              </li>
            ))}
          </ol>
        </>
      )}
    </article>
  );
}

function offset(ms: number): string {
  return `${span(Math.abs(ms) / 1_000)} ${ms > 0 ? "fast" : "slow"}`;
}
