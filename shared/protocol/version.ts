/** The version of the Silo API and run events. Raised when an older client would misread a newer companion. */
export const protocolVersion = 1
