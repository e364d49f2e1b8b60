// LevelZeroGuard: keeps RocksDB 7.8 from freeing the same range tombstones twice.
//
// Why.       Where a file of level 0 cannot be opened (damage, EIO, no descriptor left) a new
// iterator
//            is given the range tombstones of the file before it a second time, and they are freed
//            twice when it ends. (Version::AddIteratorsForLevel; found by BitFlipTest.)
// How.       The function that takes them stands in the program, too, where the dynamic linker
// looks
//            first: what comes twice in the same iterator is none. A RocksDB that has no such
//            function never calls it.
// Threads.   Safe from any thread.
#pragma once

namespace tidemark::storage {

// Before a database is opened: links the functions into the program, and finds those of RocksDB.
void GuardLevelZero();

}  // namespace tidemark::storage
