/** Who makes a request, as its token or certificate says. The counterpart of etcd's AuthInfo. */
export interface AuthInfo {
  readonly username: string;
  /**
   * Revision of the auth store that the identity stands for: the present one for a simple token or a
   * certificate, that of the login for a JWT. 0: nobody was named.
   */
  readonly revision: number;
}

export const NOBODY: AuthInfo = { username: "", revision: 0 };

/** The user and the role that may do everything. */
export const ROOT = "root";
