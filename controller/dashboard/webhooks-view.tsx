import { useEffect, useState } from 'preact/hooks';
import type { HistoryAnswer, HistoryItem } from '../api/contract.ts';
import type { WebhookEndpointsAnswer } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';
import { functionPath } from './address.ts';
import { get } from './api.ts';
import { whole } from './figures.ts';
import { onEntry } from './live.ts';
import { useLoaded } from './loaded.ts';
import { Ago, At, Empty, Failure, Panel, Scroll, Waiting } from './parts.tsx';

const shownMax = 100;

export function WebhooksView() {
  const { value, error, reload } = useLoaded(() => get<WebhookEndpointsAnswer>(pathTo('webhookEndpoints', {})), 3_000);
  return (
    <>
      <h1>Webhooks</h1>
      {error !== undefined && value === undefined && <Failure error={error} again={reload} />}
      {error === undefined && value === undefined && <Waiting lines={4} />}
      {value?.endpoints.length === 0 && (
        <Empty title="No function has a webhook">
          <p>
            A trigger such as <code>- webhook: {'{ path: /stripe, verify: stripe, secret: stripe-key }'}</code> in faas.yaml makes one.
          </p>
        </Empty>
      )}
      {value !== undefined && value.endpoints.length > 0 && (
        <>
          <Endpoints answer={value} />
          <Deliveries />
        </>
      )}
    </>
  );
}

function Endpoints({ answer }: { readonly answer: WebhookEndpointsAnswer }) {
  return (
    <Scroll label="Endpoints">
      <table class="plain">
        <caption class="note">
          Of the last {whole(answer.deliveriesMax)} deliveries, since <At atMs={answer.sinceMs} />
        </caption>
        <thead>
          <tr>
            <th scope="col">Endpoint</th>
            <th scope="col">Function</th>
            <th scope="col">Verified by</th>
            <th scope="col" class="number">
              Accepted
            </th>
            <th scope="col" class="number">
              Known
            </th>
            <th scope="col" class="number">
              Refused
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col">Last</th>
          </tr>
        </thead>
        <tbody>
          {answer.endpoints.map(one => (
            <tr key={`${one.unit} ${one.path}`}>
              <th scope="row">
                <code>{one.url}</code>
              </th>
              <td>
                <a href={functionPath(one.unit)}>{one.unit}</a>
              </td>
              <td>{one.verify}</td>
              <td class="number">{whole(one.accepted)}</td>
              <td class="number dim">{whole(one.duplicates)}</td>
              <td class={one.refused > 0 ? 'number warn-text' : 'number dim'}>{whole(one.refused)}</td>
              <td class={one.failed > 0 ? 'number bad-text' : 'number dim'}>{whole(one.failed)}</td>
              <td>{one.lastMs === undefined ? <span class="dim">none</span> : <Ago atMs={one.lastMs} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** As they come in; newest first. */
function Deliveries() {
  const [entries, setEntries] = useState<readonly HistoryItem[]>();
  useEffect(() => {
    const stop = onEntry((kind, entry) => {
      if (kind === 'webhook') setEntries(before => merged([entry], before ?? []));
    });
    get<HistoryAnswer>(pathTo('webhooks', {}, { limit: shownMax })).then(
      answer => setEntries(before => merged(answer.entries, before ?? [])),
      () => setEntries(before => before ?? []),
    );
    return stop;
  }, []);
  return (
    <Panel title="Deliveries" note="newest first" wide>
      {entries === undefined && <Waiting lines={5} />}
      {entries?.length === 0 && <Empty title="Nothing was delivered yet" />}
      {entries !== undefined && entries.length > 0 && (
        <ul class="log">
          {entries.map(({ id, atMs, unit, data }) => (
            <li key={id}>
              <At atMs={atMs} />
              <span class={`outcome ${String(data.outcome)}`}>{String(data.outcome)}</span>
              <span class="log-text">
                <code>{String(data.path)}</code> → {unit}
                {data.reason !== undefined && <span class="warn-text"> {String(data.reason)}</span>}
                <span class="dim">
                  {' '}
                  {String(data.bytes)} B{data.id === undefined ? '' : ` · ${String(data.id)}`}
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function merged(more: readonly HistoryItem[], before: readonly HistoryItem[]): readonly HistoryItem[] {
  const byId = new Map([...before, ...more].map(entry => [entry.id, entry]));
  return [...byId.values()].sort((a, b) => b.id - a.id).slice(0, shownMax);
}
