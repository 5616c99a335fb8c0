import { join } from 'node:path';

/**
 * Where a cluster of one node lives: its folder, and addresses of a slot that no other cluster of this machine has. The node's address is that of the bridge of
 * its pods, because a kubelet refuses loopback; nothing of it leaves the machine.
 */
export interface NodePlace {
  readonly folder: string;
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly apiServer: string;
  readonly apiPort: number;
  readonly apiServiceAddress: string;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly slot: NodeSlot;
}

/** What two clusters on one machine must not share. */
export interface NodeSlot {
  /** The machine's end of the cable to the node, and its address: servers of a test that pods shall reach listen here. */
  readonly hostLink: string;
  readonly hostAddress: string;
  readonly uplinkAddress: string;
  readonly podRange: string;
  readonly nodeAddress: string;
  readonly serviceRange: string;
  readonly apiServiceAddress: string;
  readonly dnsAddress: string;
  /** Where the kubelet puts the control groups of its pods. */
  readonly controlGroup: string;
}

export const slotsMax = 8;

export function nodeSlot(index: number): NodeSlot {
  return {
    hostLink: `faas-test${index}`,
    hostAddress: `10.244.${64 + index}.1`,
    uplinkAddress: `10.244.${64 + index}.2`,
    podRange: `10.244.${80 + index}.0/24`,
    nodeAddress: `10.244.${80 + index}.1`,
    serviceRange: `10.${97 + index}.0.0/16`,
    apiServiceAddress: `10.${97 + index}.0.1`,
    dnsAddress: `10.${97 + index}.0.10`,
    controlGroup: `faas-test${index}`,
  };
}

/** Of the pods. */
export const bridge = 'pods';
/** Of the network of pods, and of what containers' network plugins keep about it. */
export const podNetwork = 'faas-test';
export const pauseImage = 'faas.test/pause:1';

export function nodePlace(
  folder: string,
  slot: NodeSlot,
  ports: { readonly api: number; readonly etcd: number; readonly etcdPeer: number },
): NodePlace {
  return {
    folder,
    nodeName: 'node1',
    nodeAddress: slot.nodeAddress,
    apiServer: `https://${slot.nodeAddress}:${ports.api}`,
    apiPort: ports.api,
    apiServiceAddress: slot.apiServiceAddress,
    etcdPort: ports.etcd,
    etcdPeerPort: ports.etcdPeer,
    slot,
  };
}

export function containerdSocket(place: NodePlace): string {
  return join(place.folder, 'containerd', 'containerd.sock');
}
