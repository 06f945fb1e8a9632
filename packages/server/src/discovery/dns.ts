/** One SRV record; the target may end in a dot. */
export interface SrvRecord {
  readonly target: string;
  readonly port: number;
  readonly priority: number;
}

/** What discovery asks of the domain name system. Errors carry Go's words for what went wrong. */
export interface Dns {
  /** @param name for example "_etcd-server._tcp.example.com". @throws Error "lookup …: no such host" */
  srv(name: string): Promise<readonly SrvRecord[]>;
  /** The address of a host name; of an address, itself. @throws Error "lookup …: no such host" */
  address(host: string): Promise<string>;
}
