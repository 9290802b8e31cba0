story: a wallet pays from one device
sora    signs up
riku    signs up
house   gives sora 9_000                                   -> credited, sora 9_000

# Before its owner has named a device, a wallet is as wallets were: whoever is signed in pays.
sora    issues code A at 12:00:00                          -> code
till-1  charges A 1_000 as roll at 12:00:10                -> paid, sora 8_000

# From now on it is the phone. A code that something else shows dies, and it gets no other; nor can it top up.
sora    issues code B at 12:01:00                          -> code
sora on phone pays from phone at 12:01:10                  -> ok
till-1  charges B 1_000 as bun at 12:01:20                 -> refused code_replaced, sora 8_000
sora    issues code C at 12:02:00                          -> refused device_not_bound
sora on tablet issues code C at 12:02:10                   -> refused device_not_bound
sora on tablet starts top-up T of 1_000 at 12:02:20        -> refused device_not_bound
sora on phone issues code D at 12:03:00                    -> code
till-1  charges D 1_000 as cake at 12:03:10                -> paid, sora 7_000
sora on phone starts top-up T of 1_000 at 12:03:20         -> pending

# The same once more changes nothing, and the code on screen lives on.
sora on phone issues code E at 12:04:00                    -> code
sora on phone pays from phone at 12:04:05                  -> ok
till-1  charges E 500 as tea at 12:04:10                   -> paid, sora 6_500

# A new phone takes the old one's place, and its codes with it.
sora on phone issues code F at 12:05:00                    -> code
sora on newer pays from newer at 12:05:10                  -> ok
till-1  charges F 500 as pie at 12:05:20                   -> refused code_replaced, sora 6_500
sora on phone issues code G at 12:05:30                    -> refused device_not_bound
sora on newer issues code H at 12:05:40                    -> code
till-1  charges H 500 as jam at 12:05:50                   -> paid, sora 6_000

# A stolen device: the operator takes the right from it, and the wallet is open to its owner's other ones until one is named again.
house   pays nowhere for sora                              -> ok
sora    issues code I at 12:06:00                          -> code

# Nobody names a device for another's wallet, and a device is no reason to be told of one.
riku on phone pays from phone for sora                     -> refused wallet_unknown
acts of sora                                               -> open_wallet by sign-up, credit by operator, bind_device by sora, start_top_up by sora, bind_device by sora, bind_device by operator
