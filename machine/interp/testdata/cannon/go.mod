module guest
go 1.26
godebug decoratemappings=0
