import type { ComponentChildren } from 'preact';
import type { FunctionDetailAnswer } from '../api/contract.ts';
import { size } from '../api/figure-text.ts';
import type { LiveFunction } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';
import { ApiFailure, get } from './api.ts';
import { DeadLetters } from './dead-letters.tsx';
import { age, count, perSecond, whole } from './figures.ts';
import { Charts } from './function-charts.tsx';
import { ColdStarts, Decisions, Errors, useEntries } from './function-history.tsx';
import { Heat } from './heat.tsx';
import { liveFunction, units } from './live.ts';
import { useLoaded } from './loaded.ts';
import { AgeMeter } from './overview.tsx';
import { At, Badge, Failure, Panel, Waiting } from './parts.tsx';
import { Revisions } from './revisions.tsx';
import { troubleOf } from './trouble.ts';
import { Why } from './why.tsx';

/** One function: how it does, why it has so many pods, what went wrong, and what can be done about it. */
export function FunctionView({ context, name }: { readonly context: string; readonly name: string }) {
  const unit = `${context}.${name}`;
  const path = pathTo('function', { context, function: name });
  const { value: detail, error, reload } = useLoaded(() => get<FunctionDetailAnswer>(path), 5_000);
  const entries = useEntries(unit);
  const one = liveFunction(unit).value;
  if (error instanceof ApiFailure && error.status === 404 && one === undefined) {
    return (
      <section class="empty">
        <h1>There is no such function</h1>
        <p>
          <code>{unit}</code> is not deployed here (any more). <a href="/">All functions</a>
        </p>
      </section>
    );
  }
  return (
    <>
      <Title unit={unit} one={one} detail={detail} />
      {error !== undefined && detail === undefined && <Failure error={error} again={reload} />}
      <Conditions one={one} />
      {one === undefined ? <Waiting lines={units.value === undefined ? 3 : 1} /> : <Facts one={one} detail={detail} />}
      <Charts unit={unit} one={one} />
      <div class="panels">
        <div class="column">
          <Why name={{ context, function: name }} one={one} />
          <Decisions name={{ context, function: name }} entries={entries} />
          <Errors entries={entries} />
        </div>
        <div class="column">
          <Heat />
          <ColdStarts entries={entries} />
          <Revisions name={{ context, function: name }} detail={detail} onChange={reload} />
          <State detail={detail} />
        </div>
      </div>
      <DeadLetters name={{ context, function: name }} total={one?.deadLetters ?? detail?.deadLetters} />
    </>
  );
}

function Title({
  unit,
  one,
  detail,
}: {
  readonly unit: string;
  readonly one: LiveFunction | undefined;
  readonly detail: FunctionDetailAnswer | undefined;
}) {
  const dot = unit.indexOf('.');
  return (
    <div class="function-title">
      <nav aria-label="Breadcrumb" class="crumbs">
        <a href="/">Functions</a> <span aria-hidden="true">/</span> <span>{unit.slice(0, dot)}</span>
      </nav>
      <h1>
        {unit.slice(dot + 1)} {one !== undefined && <Badge trouble={troubleOf(one)} />}
      </h1>
      <p class="sub">
        {one === undefined ? (
          '\u00a0'
        ) : (
          <>
            <code>{one.revision}</code> · {one.triggers.join(' · ') || 'direct calls only'}
          </>
        )}
        {detail !== undefined && (
          <>
            {' '}
            · live since <At atMs={detail.activatedAtMs} />
          </>
        )}
      </p>
    </div>
  );
}

function Conditions({ one }: { readonly one: LiveFunction | undefined }) {
  if (one === undefined || one.conditions.length === 0) return null;
  return (
    <ul class="conditions">
      {one.conditions.map(({ type, reason, message, sinceMs }) => (
        <li key={type} class="callout">
          <strong>{type}</strong>{' '}
          <span class="dim">
            {reason === type ? '' : reason}
            {sinceMs !== undefined && (
              <>
                {' '}
                since <At atMs={sinceMs} />
              </>
            )}
          </span>
          <p>{message}</p>
        </li>
      ))}
    </ul>
  );
}

function Facts({ one, detail }: { readonly one: LiveFunction; readonly detail: FunctionDetailAnswer | undefined }) {
  const load =
    one.capacityRate !== undefined && one.capacityRate > 0 && one.arrivalRate !== undefined
      ? one.arrivalRate / one.capacityRate
      : undefined;
  return (
    <dl class="tiles">
      <Fact name="Oldest event">
        <AgeMeter one={one} />
      </Fact>
      <Fact name="Waiting" note={`${whole(one.inFlight)} in flight`}>
        {count(one.backlogEvents)}
      </Fact>
      <Fact name="Arriving" note={`finished ${perSecond(one.finishedRate)}`}>
        {perSecond(one.arrivalRate)}
      </Fact>
      <Fact name="Capacity" note={load === undefined ? 'not measured yet' : `${Math.round(load * 100)} % used`}>
        {perSecond(one.capacityRate)}
      </Fact>
      <Fact name="Pods ready" note={`${one.minPods} to ${one.maxPods}, ${one.pods.starting} starting`}>
        {one.pods.ready}
      </Fact>
      <Fact name="Failed attempts" note="since this server started">
        {count(detail?.totals?.failed)}
      </Fact>
    </dl>
  );
}

function Fact({
  name,
  note,
  children,
}: {
  readonly name: string;
  readonly note?: string | undefined;
  readonly children: ComponentChildren;
}) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>{children}</dd>
      <dd class="tile-note">{note ?? '\u00a0'}</dd>
    </div>
  );
}

function State({ detail }: { readonly detail: FunctionDetailAnswer | undefined }) {
  if (detail === undefined)
    return (
      <Panel title="State">
        <Waiting lines={2} />
      </Panel>
    );
  const { state, spec, group, inboxTopic } = detail;
  const facts: readonly (readonly [string, string])[] = [
    ['Keys', whole(state.keys)],
    ['Size of values', size(state.valueBytes)],
    ['Parked keys', whole(detail.parkedKeys)],
    ['Emits waiting', whole(state.outboxEntries)],
    ['Handler', spec.handler],
    ['Time limit', age(spec.limits.timeoutMs)],
    ['Concurrency', String(spec.limits.concurrency)],
    ['Attempts', String(spec.retry.attempts)],
    ['Group', group],
    ['Inbox', inboxTopic],
  ];
  return (
    <Panel title="State and limits">
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
