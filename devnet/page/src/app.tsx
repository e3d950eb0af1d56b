import type { Control } from "./control.ts";
import { Feed } from "./feed.tsx";
import { Help } from "./help.tsx";
import { Legend } from "./legend.tsx";
import { NetworkPanel } from "./network_panel.tsx";
import { NodePanel } from "./node_panel.tsx";
import { ResourcePanel } from "./resource_panel.tsx";
import { Ring } from "./ring_view.tsx";
import type { Notice, State } from "./state.ts";

export function App({ state, control }: { state: State; control: Control }) {
  const { network, resource, copies, route, happenings } = state;
  return (
    <>
      <a class="skip" href="#details" onClick={skip}>
        Skip to the details
      </a>
      <header class="top">
        <h1>Registry</h1>
        <p>{summary(state)}</p>
        <button type="button" class="plain" aria-expanded={state.help} aria-controls="help" onClick={() => control.help(!state.help)}>
          What is this?
        </button>
      </header>
      <Said notice={state.notice} dismiss={() => control.dismiss()} />
      <main>
        {state.help && <Help state={state} control={control} />}
        <section class="map" aria-labelledby="map-title">
          <h2 id="map-title" class="sr">
            The ring
          </h2>
          {network === null ? (
            <p class="quiet waiting">The network is being looked at …</p>
          ) : (
            <>
              <Ring
                network={network}
                resource={resource}
                copies={copies}
                selected={route.at === "node" ? route.node : null}
                happenings={happenings}
              />
              <Legend hasResource={resource !== null} isCut={network.cut !== null} />
              <NetworkPanel network={network} busy={state.busy} control={control} />
            </>
          )}
        </section>
        <div class="details" id="details" tabIndex={-1}>
          {route.at === "node" ? <NodePanel state={state} control={control} /> : <ResourcePanel state={state} control={control} />}
        </div>
        <Feed state={state} />
      </main>
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("details")?.focus();
}

function summary({ network, connected, server }: State): string {
  if (network === null) return "";
  if (!connected) return "The server does not answer; this is how it last was.";
  const running = network.nodes.filter(({ state }) => state === "running").length;
  const nodes = running === network.nodes.length ? `${running} nodes` : `${running} of ${network.nodes.length} nodes run`;
  const relay = network.nodes.find(({ peer_id }) => peer_id === server?.relay);
  const behind = relay === undefined ? "" : ` · this server is a client behind node ${relay.number}`;
  return `${nodes} on this machine${network.cut === null ? "" : ", cut in two"}${behind}`;
}

/** What came of the last thing that was asked for. Screen readers are told of it. */
function Said({ notice, dismiss }: { notice: Notice | null; dismiss: () => void }) {
  return (
    <div class="said" role="status" aria-live="polite">
      {notice !== null && (
        <div class={`notice ${notice.kind}`}>
          <p>
            <span class="mark" aria-hidden="true">
              {notice.kind === "good" ? "✓" : "!"}
            </span>
            {notice.text}
          </p>
          {notice.details.length > 0 && (
            <details>
              <summary>What nodes said ({notice.details.length})</summary>
              <ul>
                {notice.details.map((text, index) => (
                  <li key={index}>{text}</li>
                ))}
              </ul>
            </details>
          )}
          <button type="button" class="plain" aria-label="Close this message" onClick={dismiss}>
            ×
          </button>
        </div>
      )}
    </div>
  );
}
