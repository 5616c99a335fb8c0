import type { SchedulesAnswer } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';
import { functionPath } from './address.ts';
import { get } from './api.ts';
import { useLoaded } from './loaded.ts';
import { Ago, At, Empty, Failure, Scroll, Waiting } from './parts.tsx';

type Schedule = SchedulesAnswer['schedules'][number];

export function SchedulesView() {
  const { value, error, reload } = useLoaded(() => get<SchedulesAnswer>(pathTo('schedules', {})), 5_000);
  return (
    <>
      <h1>Schedules</h1>
      {error !== undefined && value === undefined && <Failure error={error} again={reload} />}
      {error === undefined && value === undefined && <Waiting lines={4} />}
      {value?.schedules.length === 0 && (
        <Empty title="No function has a schedule">
          <p>
            A trigger such as <code>- schedule: {'{ cron: "0 6 * * *" }'}</code> in faas.yaml makes one.
          </p>
        </Empty>
      )}
      {value !== undefined && value.schedules.length > 0 && <ScheduleTable schedules={value.schedules} />}
    </>
  );
}

function ScheduleTable({ schedules }: { readonly schedules: readonly Schedule[] }) {
  const sorted = [...schedules].sort((a, b) => (a.nextMs ?? Infinity) - (b.nextMs ?? Infinity));
  return (
    <Scroll label="All schedules">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Function</th>
            <th scope="col">When</th>
            <th scope="col">Next</th>
            <th scope="col">Last</th>
            <th scope="col">Missed</th>
            <th scope="col">Overlap</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map(one => (
            <tr key={`${one.unit} ${one.name}`}>
              <th scope="row">
                <a href={functionPath(one.unit)}>{one.unit}</a>
                <span class="sub">{one.name}</span>
              </th>
              <td>
                <code>{one.when}</code>
                <span class="sub">{one.timezone}</span>
              </td>
              <td>
                {one.nextMs === undefined ? (
                  <span class="dim">never again</span>
                ) : (
                  <>
                    <At atMs={one.nextMs} />
                    <span class="sub">
                      <Ago atMs={one.nextMs} />
                    </span>
                  </>
                )}
              </td>
              <td>
                <Last one={one} />
              </td>
              <td>{one.missed}</td>
              <td>{one.overlap}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Last({ one }: { readonly one: Schedule }) {
  if (one.lastMs === undefined) return <span class="dim">not yet</span>;
  const state = one.lastDone === undefined ? '' : one.lastDone ? ' · done' : ' · not done yet';
  return (
    <>
      <At atMs={one.lastMs} />
      <span class="sub">
        <Ago atMs={one.lastMs} />
        {state}
      </span>
    </>
  );
}
