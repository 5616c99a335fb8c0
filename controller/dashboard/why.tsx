import type { LiveFunction } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';
import type { ScaleAnswer } from '../api/scale-schema.ts';
import { ApiFailure, type FunctionName, get } from './api.ts';
import { useLoaded } from './loaded.ts';
import { Empty, Failure, Panel, Waiting } from './parts.tsx';

/** Why there are so many pods at this moment, as `faas scale explain` says it. */
export function Why({ name, one }: { readonly name: FunctionName; readonly one: LiveFunction | undefined }) {
  const { value, error } = useLoaded(() => get<ScaleAnswer>(pathTo('scale', name)), 2_000);
  const pods = value?.summary.replicas ?? one?.pods.ready;
  return (
    <Panel title="Why so many pods?" note={pods === undefined ? undefined : `${pods} wanted at the moment`}>
      {value === undefined && error === undefined && <Waiting lines={4} />}
      {value === undefined &&
        error !== undefined &&
        (isUndecided(error) ? <Empty title="Nothing was decided yet" /> : <Failure error={error} />)}
      {value !== undefined && <Explanation answer={value} />}
    </Panel>
  );
}

function isUndecided(error: Error): boolean {
  return error instanceof ApiFailure && error.status === 404;
}

/** A decision in words, computed again by the server from what it rested on. */
export function Explanation({ answer: { summary, inputs, arithmetic, otherwise, warnings } }: { readonly answer: ScaleAnswer }) {
  return (
    <div class="why">
      <p class="because">{summary.because}</p>
      {warnings.map(warning => (
        <p key={warning} class="warn-text">
          {warning}
        </p>
      ))}
      <Lines title="Seen" lines={inputs} />
      <Lines title="Arithmetic" lines={arithmetic} />
      {otherwise.length > 0 && <Lines title="It would change" lines={otherwise} />}
    </div>
  );
}

function Lines({ title, lines }: { readonly title: string; readonly lines: readonly string[] }) {
  return (
    <>
      <h3>{title}</h3>
      <ul class="lines">
        {lines.map(line => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </>
  );
}
