# What `giaoban ctl` says.

ctl-role-newer = of a role that this version does not know
ctl-guest = guest
ctl-silenced = silenced
ctl-muted = microphone off
ctl-hand = hand up
ctl-away = line away
ctl-hears = hears
ctl-waits = { $number }: { $name }, waits to be let in
ctl-nobody-here = nobody is in the room
ctl-nobody-waits = nobody waits to be let in
ctl-no-number = not done: there is no number { $number } (any more); `giaoban ctl who` and `giaoban ctl lobby` list them
ctl-nobody = not done: there is nobody whom it is about
ctl-not-allowed = not done: this device's site may not do that; ask who runs the bridge for the operator's role
ctl-not-done = not done: { $why }
ctl-refused = refused: { $why }
ctl-no-operator = refused: this device's site is no operator in that room; ask who runs the bridge for the role
ctl-no-answer = no answer: { $why }
ctl-line-lost = { $host } was reached, and the line was lost before the answer came; look with `giaoban ctl who` whether it was done
ctl-role-operator = operator
ctl-role-participant = participant
ctl-role-listener = listener
ctl-role-trunk = trunk
ctl-role-source = source
