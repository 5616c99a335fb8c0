import type { Machine } from './machine.ts';
import type { Measurement } from './row.ts';

export function printMachine(machine: Machine): string {
  const sync = `fsync ${machine.fsyncMs.toFixed(2)} ms (median of 50, 4 KiB, in the data folder's file system)`;
  return `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryMib / 1024)} GiB, load ${machine.load.toFixed(1)}, Node ${machine.node}, ${machine.system}, ${sync}`;
}

const header = ['ROW', 'MEASURE', 'FAAS', 'PEER OR LIMIT', 'RATIO', 'WANTED', 'PODS', ''];

export function printRows(measured: readonly Measurement[]): string {
  const cells = [header, ...measured.map(cellsOf)];
  const widths = header.map((_, column) => Math.max(...cells.map(row => (row[column] ?? '').length)));
  return cells
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(row: Measurement): readonly string[] {
  if ('reason' in row) return [row.row, row.measure, row.outcome, row.reason.split('\n')[0] ?? ''];
  const { other, wanted } = row;
  return [
    row.row,
    row.measure,
    `${number(row.ours)} ${row.unit}`,
    other === undefined ? '' : `${number(other.value)} ${row.unit} ${other.name}`,
    other === undefined ? '' : number(wanted?.of === 'ratio' ? row.figure : row.ours / other.value),
    wanted === undefined
      ? ''
      : `${wanted.relation === 'at least' ? '≥' : '≤'} ${number(wanted.value)}${wanted.of === 'ratio' ? '' : ` ${wanted.of}`}`,
    String(row.pods),
    `${row.outcome}${row.note === undefined ? '' : ` (${row.note})`}`,
  ];
}

/** Three significant digits, thousands apart. */
function number(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return Number(value.toPrecision(3)).toString();
}
