import { fileURLToPath } from 'node:url';
import { failureCodes } from '../cli/failure-codes.ts';
import { cliReference } from '../cli/reference.ts';
import { conditionTable } from '../controller/conditions/condition-table.ts';
import { type ErrorArea, type ErrorRow, errorTable } from '../controller/error-codes.ts';
import { manifestProblems } from '../controller/manifest/problem.ts';
import { publishedSchema, publishedSchemaFile } from '../controller/manifest/published-schema.ts';
import { referencePage, referencePageFile } from '../controller/manifest/reference-page.ts';
import { envOf, flagOf, settingKeys, settingRow } from '../controller/settings.ts';
import { printSetting } from '../controller/settings-value.ts';
import { type MetricRow, metricTable } from '../controller/telemetry/metrics.ts';
import { customResourceFiles } from './custom-resources.ts';
import { openApiDocument } from './openapi.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Every generated page: its file, and its text. `npm run docs` writes them; a test asserts that they are current. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/reference/settings.md', settingsPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/conditions.md', conditionsPage()],
    ['docs/reference/cli.md', await cliReference()],
    ['docs/reference/openapi.json', `${JSON.stringify(await openApiDocument(), null, 2)}\n`],
    [publishedSchemaFile, `${JSON.stringify(publishedSchema(), null, 2)}\n`],
    [referencePageFile, referencePage()],
    ...customResourceFiles(),
  ]);
}

function settingsPage(): string {
  const rows = settingKeys.map(key => {
    const row = settingRow(key);
    const choices = row.oneOf === undefined ? '' : ` ${row.type === 'list' ? 'Some' : 'One'} of ${row.oneOf.map(code).join(', ')}.`;
    return [code(key), code(`--${flagOf(key)}`), code(envOf(key)), defaultOf(printSetting(row, row.default)), `${row.meaning}${choices}`];
  });
  return page(
    'Settings of the server',
    [
      'A flag comes before the environment, the environment before `faas.settings.yaml` in the working directory, the file before the default.',
      'In the file the dots of a key are nesting: `gateway: { port: 8080 }`. Durations are written `500ms`, `30s`, `5m`, `6h`, `7d`; sizes `512`, `64Ki`, `8Mi`, `1Gi`; lists `a,b`, in the file also as a sequence.',
      'A server with a wrong setting does not start, and names all that are wrong. `faas config` prints every setting, its value and where it came from.',
    ],
    table(['setting', 'flag', 'variable', 'default', 'meaning'], rows),
  );
}

function metricsPage(): string {
  const entries: readonly (readonly [string, MetricRow])[] = Object.entries(metricTable);
  const rows = entries.map(([name, row]) => [code(name), row.kind, row.labels.map(code).join(', '), row.help]);
  return page(
    'Metrics',
    [
      'What `/metrics` on the admin listener shows, in Prometheus’ text format. It needs the token: `authorization: { credentials_file: <data>/token }` in the scrape configuration.',
      'The label `unit` is `<context>.<function>`. There is no label per partition, key or event. The process’ own metrics (`process_*`, `nodejs_*`) follow.',
    ],
    table(['metric', 'kind', 'labels', 'meaning'], rows),
  );
}

const areas: Readonly<Record<ErrorArea, string>> = {
  api: 'Requests to the API',
  gateway: 'Webhooks and direct calls',
  deploy: 'Building and deploying',
  settings: 'Settings and start',
  handler: 'Handlers: reasons of failed attempts and dead letters',
  pod: 'Pods and the wire to them',
  store: 'Stores',
  kubernetes: 'Kubernetes',
};

function errorsPage(): string {
  const ours = Object.entries(errorTable).map(([area, codes]) => {
    const rows = Object.entries<ErrorRow>(codes).map(([name, { status, title }]) => [
      code(name),
      status === undefined ? '' : String(status),
      title,
    ]);
    return section(Object.entries(areas).find(([name]) => name === area)?.[1] ?? area, ['code', 'status', 'meaning'], rows);
  });
  const others = [
    ['The manifest', manifestProblems],
    ['The command line', failureCodes],
  ] as const;
  const theirs = others.map(([title, codes]) =>
    section(
      title,
      ['code', 'meaning'],
      Object.entries(codes).map(([name, meaning]) => [code(name), meaning]),
    ),
  );
  return page(
    'Errors',
    [
      'Codes are stable: compare them, never messages. Each error says in its message what happened and where, and in its hint what to do next.',
      'The API answers errors as RFC 9457 problems (`application/problem+json`) with `code`, `detail` and `hint`; the status is the one in the table. The command exits with 2 for `FAAS_USAGE`, and where the value of a flag or of its variable is wrong (`FAAS_SETTING_VALUE`, `FAAS_SERVER_ADDRESS`), with 1 for all others.',
    ],
    [...ours, ...theirs].join('\n'),
  );
}

function conditionsPage(): string {
  const rows = Object.entries(conditionTable).map(([type, { lasts, meaning }]) => [code(type), meaning, lasts ? 'decision' : 'finding']);
  return page(
    'Conditions of functions',
    [
      'What is out of the ordinary with a function: `faas describe` shows each with its reason, since when, and what to do; `faas list` shows those that hold; the API has them as `conditions`. Each change is a decision in the history.',
      'A decision outlives the process that took it. A finding is cleared by the process that starts in the place of the one that found it, and found again if it still holds. Of several servers each finds by itself: a condition holds while it holds for one of them, and `RolledBack` is one for all.',
    ],
    table(['condition', 'meaning', 'kind'], rows),
  );
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `## ${title}\n\n${table(head, rows)}`;
}

function page(title: string, paragraphs: readonly string[], body: string): string {
  return `# ${title}\n\n${paragraphs.join('\n\n')}\n\n${body}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('');
}

function code(text: string): string {
  return `\`${text}\``;
}

function defaultOf(text: string): string {
  return text === '' ? '(none)' : code(text);
}
