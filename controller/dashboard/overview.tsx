import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { LiveFunction } from '../api/live-schema.ts';
import { functionPath } from './address.ts';
import { age, count, perSecond, whole } from './figures.ts';
import { liveFunction, units } from './live.ts';
import { Badge, Empty, Waiting } from './parts.tsx';
import { Spark } from './spark.tsx';
import { troubleOf } from './trouble.ts';

const filter = signal('');

/** Every function, what wants to be looked at first. */
export function Overview() {
  const all = units.value;
  if (all === undefined) {
    return (
      <>
        <h1>Functions</h1>
        <Waiting lines={8} />
      </>
    );
  }
  if (all.length === 0) return <NothingDeployed />;
  const wanted = filter.value.trim().toLowerCase();
  const shown = all.filter(unit => unit.toLowerCase().includes(wanted));
  return (
    <>
      <div class="title-row">
        <h1>Functions</h1>
        <Filter shown={shown.length} all={all.length} />
      </div>
      <Totals all={all} />
      {shown.length === 0 ? (
        <Empty title="No function has this in its name">
          <button
            type="button"
            onClick={() => {
              filter.value = '';
            }}
          >
            Show all {all.length}
          </button>
        </Empty>
      ) : (
        <FunctionTable shown={shown} />
      )}
    </>
  );
}

function NothingDeployed() {
  return (
    <>
      <h1>Functions</h1>
      <Empty title="Nothing is deployed yet">
        <p>Make a project and deploy it; it shows up here at once.</p>
        <pre>faas init shop && cd shop{'\n'}faas deploy</pre>
      </Empty>
    </>
  );
}

function Filter({ shown, all }: { readonly shown: number; readonly all: number }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <div class="filter">
      <input
        ref={input}
        type="search"
        placeholder="Filter by name"
        aria-label="Filter functions by name"
        aria-keyshortcuts="/"
        value={filter.value}
        onInput={event => {
          filter.value = event.currentTarget.value;
        }}
      />
      <span class="filter-count" role="status">
        {shown === all ? `${all} in all` : `${shown} of ${all}`}
      </span>
    </div>
  );
}

function Totals({ all }: { readonly all: readonly string[] }) {
  const live = all.map(unit => liveFunction(unit).value).filter(one => one !== undefined);
  const sum = (of: (one: LiveFunction) => number | undefined) => live.reduce((total, one) => total + (of(one) ?? 0), 0);
  const inTrouble = live.filter(one => ['failing', 'late', 'warning'].includes(troubleOf(one))).length;
  const oldest = Math.max(0, ...live.map(one => one.oldestAgeMs ?? 0));
  const letters = sum(one => one.deadLetters);
  return (
    <dl class="tiles">
      <Tile name="Want a look" value={String(inTrouble)} tone={inTrouble > 0 ? 'warn' : 'good'} note={`of ${live.length}`} />
      <Tile name="Arriving" value={perSecond(sum(one => one.arrivalRate))} />
      <Tile name="Finished" value={perSecond(sum(one => one.finishedRate))} />
      <Tile name="Waiting" value={count(sum(one => one.backlogEvents))} note={oldest > 0 ? `oldest ${age(oldest)}` : 'nothing is old'} />
      <Tile name="Pods ready" value={String(sum(one => one.pods.ready))} note={`${sum(one => one.pods.starting)} starting`} />
      <Tile name="Dead letters" value={count(letters)} tone={letters > 0 ? 'warn' : undefined} />
    </dl>
  );
}

function Tile({
  name,
  value,
  note,
  tone,
}: {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
  readonly tone?: 'warn' | 'good' | undefined;
}) {
  return (
    <div class={tone === undefined ? 'tile' : `tile ${tone}`}>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd class="tile-note">{note ?? '\u00a0'}</dd>
    </div>
  );
}

const columns = ['Function', 'Oldest event', 'Waiting', 'Arriving', 'Finished', 'Pods', 'Dead letters'] as const;

/** The roles are written out: a table that is laid out as a grid or as cards has lost them in some browsers. */
function FunctionTable({ shown }: { readonly shown: readonly string[] }) {
  return (
    <table class="functions" role="table">
      <caption class="visually-hidden">Functions, those that want a look first</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(title => (
            <th key={title} role="columnheader" scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {shown.map(unit => (
          <FunctionRow key={unit} unit={unit} />
        ))}
      </tbody>
    </table>
  );
}

function FunctionRow({ unit }: { readonly unit: string }) {
  const one = liveFunction(unit).value;
  if (one === undefined) return null;
  const trouble = troubleOf(one);
  return (
    <tr role="row" class={trouble}>
      <th role="rowheader" scope="row">
        <span class="name-line">
          <a href={functionPath(unit)}>
            <span class="name-context">{one.context}.</span>
            {one.name}
          </a>
          <Badge trouble={trouble} />
        </span>
        <span class="sub">
          {one.conditions.length > 0
            ? one.conditions.map(condition => condition.type).join(', ')
            : one.triggers.join(' · ') || 'direct calls'}
        </span>
      </th>
      <td role="cell" data-label="Oldest event">
        <AgeMeter one={one} />
      </td>
      <td role="cell" data-label="Waiting">
        <span title={`${whole(one.backlogEvents)} events`}>{count(one.backlogEvents)}</span>
      </td>
      <td role="cell" data-label="Arriving">
        {perSecond(one.arrivalRate)}
      </td>
      <td role="cell" data-label="Finished">
        <span class="with-spark">
          <Spark unit={unit} />
          <span>{perSecond(one.finishedRate)}</span>
        </span>
      </td>
      <td role="cell" data-label="Pods">
        <Pods one={one} />
      </td>
      <td role="cell" data-label="Dead letters" class={(one.deadLetters ?? 0) > 0 ? 'warn-text' : 'dim'}>
        {count(one.deadLetters)}
      </td>
    </tr>
  );
}

/** The age against its bound, as a figure and as a bar. */
export function AgeMeter({ one }: { readonly one: Pick<LiveFunction, 'oldestAgeMs' | 'maxAgeMs' | 'backlogEvents'> }) {
  const isKnown = one.backlogEvents !== undefined || one.oldestAgeMs !== undefined;
  const share = Math.min(1, (one.oldestAgeMs ?? 0) / one.maxAgeMs);
  const tone = share >= 1 ? 'bad' : share > 0.6 ? 'warn' : 'good';
  return (
    <span class="age">
      <span>
        {isKnown ? age(one.oldestAgeMs) : '?'} <span class="dim">/ {age(one.maxAgeMs)}</span>
      </span>
      <svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="meter-bed" width="100" height="4" />
        <rect class={tone} width={Math.round(share * 100)} height="4" />
      </svg>
    </span>
  );
}

function Pods({ one: { pods, maxPods } }: { readonly one: LiveFunction }) {
  const more = [pods.starting > 0 ? `+${pods.starting}` : '', pods.draining > 0 ? `−${pods.draining}` : ''].join(' ').trim();
  return (
    <span title={`${pods.ready} ready, ${pods.starting} starting, ${pods.draining} draining, at most ${maxPods}`}>
      {pods.ready} <span class="dim">/ {maxPods}</span>
      {more !== '' && <span class="accent-text"> {more}</span>}
    </span>
  );
}
