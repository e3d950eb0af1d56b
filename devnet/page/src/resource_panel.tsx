import { Component } from "preact";
import type { Network, Resource, SeenResource } from "./api.ts";
import type { Control } from "./control.ts";
import { type Copied, SIGNED } from "./copies.ts";
import { count, short, shortResource, span } from "./format.ts";
import { CopiesTable } from "./copies_table.tsx";
import { hashOf, type State } from "./state.ts";

/** A resource is picked or made here, and then shown with its providers. */
export function ResourcePanel({ state, control }: { state: State; control: Control }) {
  const { route, resource, seen } = state;
  const id = route.at === "resource" ? route.id : null;
  return (
    <>
      <Choose state={state} control={control} />
      {id === null ? (
        <SeenList seen={seen} nowMs={state.nowMs} />
      ) : resource === null ? (
        <p class="quiet waiting">Nodes are asked …</p>
      ) : (
        <Shown state={state} resource={resource} control={control} />
      )}
    </>
  );
}

class Choose extends Component<{ state: State; control: Control }, { find: string; label: string }> {
  override state = { find: "", label: "" };

  override render({ state, control }: { state: State; control: Control }, { find, label }: { find: string; label: string }) {
    const submit = (event: Event, text: string, what: (text: string) => Promise<boolean>) => {
      event.preventDefault();
      if (text.trim() === "") return;
      void what(text.trim()).then((done) => done && this.setState({ find: "", label: "" }));
    };
    return (
      <div class="choose">
        <form onSubmit={(event) => submit(event, label, (text) => control.create(text))}>
          <label for="label">New resource</label>
          <div class="field">
            <input id="label" value={label} placeholder="a label, such as chat" maxLength={512} autoComplete="off" onInput={(event) => this.setState({ label: event.currentTarget.value })} />
            <button type="submit" class={state.resource === null ? "primary" : ""} disabled={state.busy.has("create")}>
              Create
            </button>
          </div>
        </form>
        <form onSubmit={(event) => submit(event, find, (text) => control.find(text))}>
          <label for="find">Find a resource</label>
          <div class="field">
            <input id="find" list="seen" value={find} placeholder="id or LABEL@OWNER" spellcheck={false} autoComplete="off" onInput={(event) => this.setState({ find: event.currentTarget.value })} />
            <button type="submit" disabled={state.busy.has("find")}>
              Show
            </button>
          </div>
          <datalist id="seen">
            {[...state.seen.values()].slice(0, 50).map(({ id, label, owner_peer_id }) => (
              <option key={id} value={id}>
                {label === null ? id : `${label}@${short(owner_peer_id ?? "")}`}
              </option>
            ))}
          </datalist>
        </form>
      </div>
    );
  }
}

const LISTED = 30;

function SeenList({ seen, nowMs }: { seen: ReadonlyMap<string, SeenResource>; nowMs: number }) {
  const list = [...seen.values()].slice(0, LISTED);
  return (
    <section aria-labelledby="seen-title">
      <h2 id="seen-title">Resources</h2>
      {list.length === 0 ? (
        <p class="quiet">None yet. What somebody creates, registers or looks for appears here.</p>
      ) : (
        <ul class="rows">
          {list.map(({ id, label, owner_peer_id, kind, active_ms }) => (
            <li key={id}>
              <a href={hashOf({ at: "resource", id })}>{label ?? shortResource(id)}</a>
              <span class="quiet">{owner_peer_id === null ? "owner unknown" : `of ${short(owner_peer_id)}`}</span>
              <span class="quiet end">
                {kind} {span((nowMs - active_ms) / 1_000)} ago
              </span>
            </li>
          ))}
        </ul>
      )}
      {seen.size > LISTED && <p class="quiet">And {seen.size - LISTED} more: type a label above.</p>}
    </section>
  );
}

function Shown({ state, resource, control }: { state: State; resource: Resource; control: Control }) {
  const { network, copies, server, nowMs } = state;
  const isOwn = resource.owner_peer_id === server?.peer_id;
  return (
    <article aria-labelledby="resource-title">
      <div class="heading">
        <h2 id="resource-title">{resource.label ?? "Unknown resource"}</h2>
        <a class="button plain" href="#/">
          All resources
        </a>
      </div>
      <dl class="facts">
        <div>
          <dt>Id</dt>
          <dd>
            <code>{resource.id}</code>
          </dd>
        </div>
        <div>
          <dt>Owner</dt>
          <dd>
            {resource.owner_peer_id === null ? (
              "no node knows it: wrong id, expired, or not created yet"
            ) : isOwn ? (
              "this server"
            ) : (
              <code title={resource.owner_peer_id}>{short(resource.owner_peer_id)}</code>
            )}
          </dd>
        </div>
        <div>
          <dt>Position</dt>
          <dd>{(resource.position * 100).toFixed(2)} % of the ring</dd>
        </div>
      </dl>
      <Register state={state} resource={resource} control={control} />
      <h3>{count(copies.records.length, "provider")}</h3>
      {copies.records.length === 0 ? (
        <p class="quiet">Nobody provides it. Register this server or a node; or, from a shell: registry provide {resource.id}</p>
      ) : (
        <Providers state={state} resource={resource} control={control} />
      )}
      <CopiesTable resource={resource} copies={copies} network={network} nowMs={nowMs} />
    </article>
  );
}

class Register extends Component<{ state: State; resource: Resource; control: Control }, { value: string; who: string; ack: string }> {
  override state = { value: "", who: "", ack: "1" };

  override render(
    { state, resource, control }: { state: State; resource: Resource; control: Control },
    { value, who, ack }: { value: string; who: string; ack: string },
  ) {
    const running = state.network?.nodes.filter((node) => node.state === "running") ?? [];
    const submit = (event: Event) => {
      event.preventDefault();
      void control.register(resource.id, value, running.find(({ peer_id }) => peer_id === who) ?? null).then((done) => done && this.setState({ value: "" }));
    };
    return (
      <div class="do">
        <form onSubmit={submit}>
          <label for="value">Register a provider</label>
          <div class="field">
            <input id="value" value={value} placeholder="value, any text" autoComplete="off" onInput={(event) => this.setState({ value: event.currentTarget.value })} />
            <select aria-label="Who provides" value={who} onChange={(event) => this.setState({ who: event.currentTarget.value })}>
              <option value="">this server</option>
              {running.map(({ peer_id, number }) => (
                <option key={peer_id} value={peer_id}>
                  node {number}
                </option>
              ))}
            </select>
            <button type="submit" class="primary" disabled={state.busy.has("register")}>
              {state.busy.has("register") ? "Registering …" : "Register"}
            </button>
          </div>
        </form>
        <div class="field">
          <button type="button" disabled={state.busy.has("resolve")} onClick={() => control.resolve(resource.id, Number(ack))}>
            {state.busy.has("resolve") ? "Resolving …" : "Resolve"}
          </button>
          <select aria-label="How many nodes must answer" value={ack} onChange={(event) => this.setState({ ack: event.currentTarget.value })}>
            <option value="1">1 node must answer</option>
            <option value="3">3 nodes must answer</option>
            <option value="20">all nodes must answer</option>
          </select>
        </div>
      </div>
    );
  }
}

const LISTED_AT_FIRST = 6;

class Providers extends Component<{ state: State; resource: Resource; control: Control }, { all: boolean }> {
  override state = { all: false };

  override render({ state, resource, control }: { state: State; resource: Resource; control: Control }, { all }: { all: boolean }) {
    const { copies, network, server, nowMs, busy } = state;
    const { records } = copies;
    const neighbours = resource.nodes.filter(({ is_neighbour }) => is_neighbour).length;
    return (
      <>
        <ol class="providers">
          {(all ? records : records.slice(0, LISTED_AT_FIRST)).map((record, index) => (
            <ProviderRow
              key={record.identity}
              record={record}
              place={index + 1}
              network={network}
              neighbours={neighbours}
              me={server?.peer_id}
              nowMs={nowMs}
              isBusy={busy.has(`unregister ${record.peer_id}`)}
              unregister={() => control.unregister(resource.id, record.peer_id)}
            />
          ))}
        </ol>
        {records.length > LISTED_AT_FIRST && (
          <button type="button" class="plain" aria-expanded={all} onClick={() => this.setState({ all: !all })}>
            {all ? "Show fewer" : `Show all ${records.length}`}
          </button>
        )}
      </>
    );
  }
}

interface RowProps {
  record: Copied;
  place: number;
  network: Network | null;
  neighbours: number;
  me: string | undefined;
  nowMs: number;
  isBusy: boolean;
  unregister: () => void;
}

function ProviderRow({ record, place, network, neighbours, me, nowMs, isBusy, unregister }: RowProps) {
  const node = network?.nodes.find(({ peer_id }) => peer_id === record.peer_id);
  const relay = network?.nodes.find(({ peer_id }) => peer_id === record.relay_id);
  const who = node !== undefined ? `node ${node.number}` : record.peer_id === me ? "this server" : `client ${short(record.peer_id)}`;
  return (
    <li class="provider">
      <span class="place">{place}</span>
      <div>
        <p class="value">{record.value === "" ? <em class="quiet">no value</em> : record.value}</p>
        <p class="quiet">
          <span title={record.peer_id}>{who}</span>
          {record.relay_id !== null && (
            <span>
              via{" "}
              {relay === undefined ? (
                <code title={record.relay_id}>{short(record.relay_id)}</code>
              ) : (
                <>
                  <a href={hashOf({ at: "node", node: relay.number })}>node {relay.number}</a>
                  {relay.state !== "running" && <strong class="badly"> (does not run)</strong>}
                </>
              )}
            </span>
          )}
          {record.service_id !== null && <span>service {record.service_id}</span>}
          <span>{span(nowMs / 1_000 - record.issued_at)} old</span>
          <span class={record.signature === "valid" ? "" : "badly"}>{SIGNED[record.signature]}</span>
          <span>
            on {record.heldBy} of {neighbours} neighbours
          </span>
        </p>
      </div>
      {record.issuer === me && (
        <button type="button" disabled={isBusy} aria-label={`Unregister ${record.value || who}`} onClick={unregister}>
          Unregister
        </button>
      )}
    </li>
  );
}
