story: the server starts again
sora    signs up
riku    signs up
house   gives sora 4_000
house   gives riku 1_000
sora    issues code A at 12:00:00
riku    issues code B at 12:00:00
till-1  charges B 400 as bread                             -> paid, riku 600
house   restarts
# Codes live in memory alone.
till-1  charges A 100                                      -> refused code_unknown, sora 4_000
till-1  charges B 100                                      -> refused code_unknown, riku 600
till-1  charges B 400 as bread                             -> paid, riku 600
sora    issues code C
till-2  charges C 4_000 as all                             -> paid, sora 0, bakery 4_400
house   restarts
till-1  cancels bread                                      -> accepted, riku 1_000, bakery 4_000
house   restarts
sora    looks                                              -> ok, sora 0
riku    looks                                              -> ok, riku 1_000
