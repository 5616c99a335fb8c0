import { useState } from 'preact/hooks';
import type { FunctionDetailAnswer } from '../api/contract.ts';
import { type FunctionName, rollBack } from './api.ts';
import { Confirm } from './confirm.tsx';
import { At, Panel, Waiting } from './parts.tsx';

/** What was deployed, newest first, and the way back. */
export function Revisions({
  name,
  detail,
  onChange,
}: {
  readonly name: FunctionName;
  readonly detail: FunctionDetailAnswer | undefined;
  readonly onChange: () => void;
}) {
  const [asking, setAsking] = useState<string>();
  const revisions = detail && [...detail.revisions].sort((a, b) => b.createdAtMs - a.createdAtMs);
  return (
    <Panel title="Revisions" note="newest first">
      {revisions === undefined && <Waiting lines={2} />}
      {revisions !== undefined && (
        <ul class="log">
          {revisions.map(one => (
            <li key={one.id}>
              <At atMs={one.createdAtMs} />
              <span class="log-text">
                <code>{one.id}</code> <span class="dim">bundle {one.bundleHash.slice(0, 8)}</span>
              </span>
              {one.live ? (
                <span class="badge busy">Live</span>
              ) : (
                <button type="button" onClick={() => setAsking(one.id)} aria-label={`Roll back to ${one.id}`}>
                  Roll back
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {asking !== undefined && (
        <Confirm
          title={`Roll back to ${asking}?`}
          action="Roll back"
          work={() => rollBack(name, asking)}
          onDone={onChange}
          onClose={() => setAsking(undefined)}
        >
          <p>
            It becomes live in place of <code>{detail?.revision}</code>. State and events stay as they are.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}
