// Package wirefaults breaks one request of ten, by a seed: 503 SlowDown, 500, resets before and after the work was
// done, answers that never come, bodies that end early, 200 with an error in the body, 409, clocks too far apart. git,
// sqlite and tar work over it. Each must end right or with an error of its own, and what it said it did must be true
// when the wire has healed, on another machine.
//
// SENTIENTFS_WIREFAULTS_SEED makes other runs. Nothing here may depend on how long a program takes; only one that
// seems to hang for minutes is ended.
package wirefaults
