import type { ReadyAnswer } from '../../controller/api/contract.ts';
import { paths, pathTo } from '../../controller/api/paths.ts';
import type { DoctorAnswer, VersionAnswer } from '../../controller/api/server-schema.ts';
import { packageVersion } from '../../controller/version.ts';
import type { ApiClient } from '../api-client.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { CommandFailure } from '../failure.ts';
import { type Style, table } from '../output.ts';

type Check = DoctorAnswer['checks'][number];

const skewMs = 5_000;
const styles = { ok: 'green', warning: 'yellow', failed: 'red' } as const satisfies Record<Check['status'], Style>;

/** Looks at everything that a server and its functions need. Exit code 1 when something failed. */
export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation;
  const checks = await checksOf(invocation);
  await out.result({ checks }, () =>
    table(
      ['STATUS', 'PART', 'FOUND'],
      checks.flatMap(({ status, part, said, hint }) => [[status, part, said], ...(hint === undefined ? [] : [['', '', `→ ${hint}`]])]),
      (cell, column) => (column === 0 && isStatus(cell) ? out.paint(styles[cell], cell) : cell),
    ),
  );
  return checks.some(({ status }) => status === 'failed') ? 1 : 0;
}

function isStatus(text: string): text is Check['status'] {
  return Object.hasOwn(styles, text);
}

async function checksOf(invocation: Invocation): Promise<readonly Check[]> {
  const own: Check = { part: 'command', status: 'ok', said: `version ${packageVersion()} on Node ${process.versions.node}` };
  let client: ApiClient;
  try {
    client = await connect(invocation);
    const asked = Date.now();
    const version = await client.get<VersionAnswer>(pathTo('version', {}));
    const answer = await client.get<DoctorAnswer>(pathTo('doctor', {}));
    return [own, connection(client, version), ...skew(answer.nowMs, asked), ...(await readiness(client)), ...answer.checks];
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return [own, { part: 'server', status: 'failed', said: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }];
  }
}

function connection({ adminUrl }: ApiClient, { version, streams, state }: VersionAnswer): Check {
  const said = `${adminUrl} answers; streams in ${streams}, state in ${state}`;
  if (version === packageVersion()) return { part: 'connection', status: 'ok', said };
  const hint = 'Use the command of the server’s version: what one of them has may be unknown to the other.';
  return {
    part: 'connection',
    status: 'warning',
    said: `${said}; the server is version ${version}, this command ${packageVersion()}`,
    hint,
  };
}

/** Between question and answer the server's clock may say anything of that time. */
function skew(serverMs: number, askedMs: number): readonly Check[] {
  const ahead = serverMs < askedMs ? serverMs - askedMs : Math.max(0, serverMs - Date.now());
  if (Math.abs(ahead) <= skewMs) return [];
  const said = `its clock is ${Math.round(Math.abs(ahead) / 1_000)} s ${ahead > 0 ? 'ahead of' : 'behind'} the one here`;
  return [
    { part: 'server', status: 'warning', said, hint: 'Let NTP set both: webhooks that are signed with a time are refused otherwise.' },
  ];
}

async function readiness(client: ApiClient): Promise<readonly Check[]> {
  // 503 with the same body when it is not ready.
  const { ready, checks } = await client.get<ReadyAnswer>(paths.readyz).catch((error: unknown) => {
    if (error instanceof CommandFailure) return { ready: false, checks: [] };
    throw error;
  });
  if (ready) return [];
  const missing = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  const hint = 'It starts, stops, or cannot reach its stores: the lines below and its log say more.';
  return [{ part: 'server', status: 'failed', said: `is not ready${missing.length === 0 ? '' : `: ${missing.join(', ')}`}`, hint }];
}
