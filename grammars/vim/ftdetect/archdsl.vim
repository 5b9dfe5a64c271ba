autocmd BufNewFile,BufRead *.arch setfiletype archdsl
