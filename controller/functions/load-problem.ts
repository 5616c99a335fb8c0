import type { WireError } from '../../runtime/protocol/messages.ts';
import type { DeployProblem, SourceFrame } from './deployments.ts';

/** More of a deep recursion says nothing new. */
const framesMax = 10;

/** Why a function does not load: at the place in the author's sources where it threw, when the bundle's source map knows it, else at the handler's file. */
export function loadProblem(unit: string, handler: string, error: WireError): DeployProblem {
  const frames = authorFrames(error.stack ?? '');
  const place = (frames.find(frame => !frame.at.includes('node_modules/')) ?? frames[0])?.at;
  const message = place === undefined ? `${handler}: ${error.message}` : `${place} ${error.message}`;
  const problem = { unit, code: error.code, message, hint: 'Fix the handler and deploy again.' };
  return place === undefined ? problem : { ...problem, place, frames };
}

/**
 * The frames of a stack that are the author's. A mapped file is relative, as the bundler named it; those of the pod and of Node are absolute or `node:`, and their
 * lines help nobody who wrote a handler.
 */
export function authorFrames(stack: string): readonly SourceFrame[] {
  const frames: SourceFrame[] = [];
  for (const line of stack.split('\n')) {
    const { name, at, bare } = /^ +at (?:(?<name>.+) \((?<at>[^()]+:\d+:\d+)\)|(?<bare>\S+:\d+:\d+))$/.exec(line)?.groups ?? {};
    const place = at ?? bare;
    if (place === undefined || /^(\/|[a-zA-Z]+:(?!\d+:\d+$))/.test(place)) continue;
    frames.push(name === undefined || name === '<anonymous>' ? { at: place } : { at: place, name });
    if (frames.length === framesMax) break;
  }
  return frames;
}
